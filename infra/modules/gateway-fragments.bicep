metadata name = 'Gateway fragments'
metadata description = 'The policy fragments of apim-policies/fragments as they are written, and those that the configuration generates.'

import { sharingConfig } from '../types.bicep'
import { publishedText } from '../shared-service.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. Fragments that hold the tables of the configuration.')
param tables { name: string, value: string }[]
@description('Optional. What distinguishes a service that others use; empty for our own.')
param sharing sharingConfig = { prefix: '', mark: '' }

var written = [
  { name: 'account', value: loadTextContent('../../apim-policies/fragments/account.xml') }
  { name: 'admit', value: loadTextContent('../../apim-policies/fragments/admit.xml') }
  { name: 'ask', value: loadTextContent('../../apim-policies/fragments/ask.xml') }
  { name: 'decide', value: loadTextContent('../../apim-policies/fragments/decide.xml') }
  { name: 'describe', value: loadTextContent('../../apim-policies/fragments/describe.xml') }
  { name: 'exhaust', value: loadTextContent('../../apim-policies/fragments/exhaust.xml') }
  { name: 'explain', value: loadTextContent('../../apim-policies/fragments/explain.xml') }
  { name: 'follow', value: loadTextContent('../../apim-policies/fragments/follow.xml') }
  { name: 'forward', value: loadTextContent('../../apim-policies/fragments/forward.xml') }
  { name: 'identify', value: loadTextContent('../../apim-policies/fragments/identify.xml') }
  { name: 'inspect', value: loadTextContent('../../apim-policies/fragments/inspect.xml') }
  { name: 'limit-calls', value: loadTextContent('../../apim-policies/fragments/limit-calls.xml') }
  { name: 'limit-tokens', value: loadTextContent('../../apim-policies/fragments/limit-tokens.xml') }
  { name: 'measure', value: loadTextContent('../../apim-policies/fragments/measure.xml') }
  { name: 'offer', value: loadTextContent('../../apim-policies/fragments/offer.xml') }
  { name: 'own', value: loadTextContent('../../apim-policies/fragments/own.xml') }
  { name: 'prepare', value: loadTextContent('../../apim-policies/fragments/prepare.xml') }
  { name: 'protect', value: loadTextContent('../../apim-policies/fragments/protect.xml') }
  { name: 'refer', value: loadTextContent('../../apim-policies/fragments/refer.xml') }
  { name: 'resolve', value: loadTextContent('../../apim-policies/fragments/resolve.xml') }
  { name: 'refuse', value: loadTextContent('../../apim-policies/fragments/refuse.xml') }
  { name: 'remember', value: loadTextContent('../../apim-policies/fragments/remember.xml') }
  { name: 'route', value: loadTextContent('../../apim-policies/fragments/route.xml') }
  { name: 'unstore', value: loadTextContent('../../apim-policies/fragments/unstore.xml') }
]

var rules = loadYamlContent('../../apim-policies/shared-service.yaml').changes
var marks = empty(sharing.mark) ? {} : { description: sharing.mark }

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource fragment 'Microsoft.ApiManagement/service/policyFragments@2024-05-01' = [
  for item in concat(written, tables): {
    parent: service
    name: '${sharing.prefix}${item.name}'
    properties: union({ format: 'xml', value: publishedText(item.value, sharing.prefix, rules) }, marks)
  }
]
