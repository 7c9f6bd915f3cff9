// A certified OpenID client (openid-client) for tests/integration/test_signon_foreign.py. It prints where the browser must go, is told where
// the browser came back, and prints what it learnt; each a line of JSON.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const from = createRequire(process.env.MODULES + '/');
const oidc = await import(pathToFileURL(from.resolve('openid-client')));
const say = (value) => console.log(JSON.stringify(value));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hear = async () => (await lines.next()).value;
const { ISSUER, CLIENT, SECRET, REDIRECT, LOGGED_OUT, MACHINE, KEY } = process.env;
const insecure = { execute: [oidc.allowInsecureRequests] };

const config = await oidc.discovery(new URL(ISSUER), CLIENT, undefined, oidc.ClientSecretBasic(SECRET), insecure);

async function signIn(build) {
  const verifier = oidc.randomPKCECodeVerifier();
  const nonce = oidc.randomNonce();
  const state = oidc.randomState();
  const url = await build(config, {
    redirect_uri: REDIRECT,
    scope: 'openid profile identity',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    nonce,
    state,
  });
  say({ go: url.href });
  const back = new URL(await hear());
  return oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state });
}

const tokens = await signIn(oidc.buildAuthorizationUrl);
const user = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token);
const worth = await oidc.tokenIntrospection(config, fresh.access_token);
const pushed = await signIn(oidc.buildAuthorizationUrlWithPAR);
await oidc.tokenRevocation(config, pushed.refresh_token);
const after = await oidc.tokenIntrospection(config, pushed.access_token);

const key = await crypto.subtle.importKey('jwk', JSON.parse(KEY), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
const machine = await oidc.discovery(new URL(ISSUER), MACHINE, undefined, oidc.PrivateKeyJwt({ key, kid: JSON.parse(KEY).kid }), insecure);
const own = await oidc.clientCredentialsGrant(machine, { scope: 'api.read' });
const feed = await oidc.fetchProtectedResource(machine, own.access_token, new URL(ISSUER + '/api/v1/status-feed'), 'GET', null, new Headers());

const bye = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: LOGGED_OUT, id_token_hint: fresh.id_token, state: 'xong' });
say({ claims: tokens.claims(), user, worth, after, scope: own.scope, feed: feed.status, bye: bye.href });
process.exit(0);
