metadata name = 'Gateway fragments'
metadata description = 'The policy fragments of apim-policies/fragments, published as they are written.'

@description('Required. API Management service.')
param serviceName string

var fragments = [
  { name: 'account', value: loadTextContent('../../apim-policies/fragments/account.xml') }
  { name: 'describe', value: loadTextContent('../../apim-policies/fragments/describe.xml') }
  { name: 'exhaust', value: loadTextContent('../../apim-policies/fragments/exhaust.xml') }
  { name: 'explain', value: loadTextContent('../../apim-policies/fragments/explain.xml') }
  { name: 'forward', value: loadTextContent('../../apim-policies/fragments/forward.xml') }
  { name: 'identify', value: loadTextContent('../../apim-policies/fragments/identify.xml') }
  { name: 'inspect', value: loadTextContent('../../apim-policies/fragments/inspect.xml') }
  { name: 'limit', value: loadTextContent('../../apim-policies/fragments/limit.xml') }
  { name: 'measure', value: loadTextContent('../../apim-policies/fragments/measure.xml') }
  { name: 'offer', value: loadTextContent('../../apim-policies/fragments/offer.xml') }
  { name: 'prepare', value: loadTextContent('../../apim-policies/fragments/prepare.xml') }
  { name: 'protect', value: loadTextContent('../../apim-policies/fragments/protect.xml') }
  { name: 'refuse', value: loadTextContent('../../apim-policies/fragments/refuse.xml') }
  { name: 'remember', value: loadTextContent('../../apim-policies/fragments/remember.xml') }
  { name: 'route', value: loadTextContent('../../apim-policies/fragments/route.xml') }
]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource fragment 'Microsoft.ApiManagement/service/policyFragments@2024-05-01' = [
  for item in fragments: {
    parent: service
    name: item.name
    properties: { format: 'xml', value: item.value }
  }
]
