// A partner's system written in Node with the package `soap`. Given an address and what to send, prints what came back, as JSON.
const fs = require('fs');
const soap = require('soap');

const given = JSON.parse(fs.readFileSync(0, 'utf8'));

async function call(client, name, input) {
  try {
    const [answer] = await client[`${name}Async`](input);
    return { answer };
  } catch (error) {
    const fault = error.root && error.root.Envelope.Body.Fault;
    return { fault: fault || String(error), status: error.response && error.response.status };
  }
}

(async () => {
  const told = [];
  for (const twelve of [false, true]) {
    const client = await soap.createClientAsync(`${given.address}?wsdl`, { forceSoap12Headers: twelve });
    client.setEndpoint(given.address);
    client.addHttpHeader('Authorization', `Bearer ${given.key}`);
    for (const [name, input] of given.calls) told.push(await call(client, name, input));
    const known = await soap.createClientAsync(`${given.address}?wsdl`, { forceSoap12Headers: twelve });
    known.setSecurity(new soap.WSSecurity(given.user, given.secret, { passwordType: 'PasswordDigest', hasTimeStamp: true, mustUnderstand: 1 }));
    told.push(await call(known, ...given.secured));
  }
  process.stdout.write(JSON.stringify(told));
})().catch((error) => { process.stderr.write(String(error.stack)); process.exit(1); });
