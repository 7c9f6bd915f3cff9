<?php
// A partner's system written in PHP with its own SoapClient. Given an address and what to send, prints what came back, as JSON.
$given = json_decode(stream_get_contents(STDIN));
$told = [];
foreach ([SOAP_1_1, SOAP_1_2] as $version) {
    $client = new SoapClient("$given->address?wsdl", [
        'soap_version' => $version,
        'cache_wsdl' => WSDL_CACHE_NONE,
        'exceptions' => true,
        'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
        'stream_context' => stream_context_create(['http' => ['header' => "Authorization: Bearer $given->key"]]),
    ]);
    foreach ($given->calls as [$name, $input]) {
        try {
            $told[] = ['answer' => $client->__soapCall($name, [$input])];
        } catch (SoapFault $fault) {
            $told[] = ['fault' => $fault->getMessage(), 'code' => $fault->faultcode, 'detail' => $fault->detail ?? null];
        }
    }
}
echo json_encode($told, JSON_UNESCAPED_UNICODE);
