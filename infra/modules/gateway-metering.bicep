metadata name = 'Metering only'
metadata description = 'What a team\'s own policies include in a service that exists: fragments, their tables and two named values. No API, product, backend or subscription.'

import { bufferedBytes, reachesConfig, servesConfig } from '../served.bicep'
import { sharingConfig } from '../types.bicep'
import { tableFragments } from '../gateway-tables.bicep'
import { publishedText } from '../shared-service.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. What the calls that are counted may name.')
param serves servesConfig
@description('Required. What it reaches.')
param reaches reachesConfig
@description('Required. Tier of the service.')
param tier string
@description('Required. What distinguishes a service that others use.')
param sharing sharingConfig

var rules = loadYamlContent('../../apim-policies/shared-service.yaml')
var written = [
  { name: 'account', value: loadTextContent('../../apim-policies/fragments/account.xml') }
  { name: 'ask', value: loadTextContent('../../apim-policies/fragments/ask.xml') }
  { name: 'begin', value: loadTextContent('../../apim-policies/metering/begin.xml') }
  { name: 'describe', value: loadTextContent('../../apim-policies/fragments/describe.xml') }
  { name: 'explain', value: loadTextContent('../../apim-policies/fragments/explain.xml') }
  { name: 'inspect', value: loadTextContent('../../apim-policies/fragments/inspect.xml') }
  { name: 'measure', value: loadTextContent('../../apim-policies/fragments/measure.xml') }
  { name: 'observe', value: loadTextContent('../../apim-policies/metering/observe.xml') }
  { name: 'recognise', value: loadTextContent('../../apim-policies/metering/recognise.xml') }
]
var tables = filter(
  tableFragments(serves.part.products, serves.part.accounts, serves.part.geographies, serves.deploymentSets),
  table => startsWith(table.name, 'table-deployments-')
)

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

module namedValues 'gateway-values.bicep' = {
  params: {
    serviceName: serviceName
    usageTopicEndpoint: '${reaches.topicEndpoint}?api-version=2018-01-01'
    values: { 'max-request-bytes': bufferedBytes(tier) }
    sharing: sharing
  }
}

resource fragment 'Microsoft.ApiManagement/service/policyFragments@2024-05-01' = [
  for item in concat(written, tables): {
    parent: service
    name: '${sharing.prefix}${item.name}'
    properties: {
      format: 'xml'
      value: publishedText(item.value, sharing.prefix, concat(item.name == 'inspect' ? rules.metering.inspect : [], rules.changes))
      description: sharing.mark
    }
    dependsOn: [namedValues]
  }
]
