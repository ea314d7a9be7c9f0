metadata name = 'Gateway configuration'
metadata description = 'What the gateway serves: named values and fragments first, then backends, the API, products and subscriptions.'

import { accountConfig, apiConfig, gatewayConfig, geographyConfig, productConfig, resilienceConfig, subscriptionConfig } from '../types.bicep'
import { countriesTable, geographiesTable, plainDeployments, regionsTable, tableFragments } from '../gateway-tables.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. Accounts that are deployed.')
param accounts accountConfig[]
@description('Required. Base address of each account, in the order of `accounts`.')
param endpoints string[]
@description('Required. Deployments of accounts, by the name of their set.')
param deploymentSets object
@description('Required. Geographies with accounts.')
param geographies geographyConfig[]
@description('Required. Gateway regions.')
param gateways gatewayConfig[]
@description('Required. Products.')
param products productConfig[]
@description('Required. Subscriptions.')
param subscriptions subscriptionConfig[]
@description('Required. The API and its operations.')
param api apiConfig
@description('Required. How long accounts may take.')
param resilience resilienceConfig
@description('Required. True: a caller with an Entra token and no key needs an app role named as a product.')
param requireRole bool
@description('Required. Where usage events are published to.')
param usageTopicEndpoint string
@description('Required. Named values that this deployment sets itself, in addition to the tables of the configuration.')
param values {
  audience: string
  'second-audience': string
  'allowed-ip-from': string
  'allowed-ip-to': string
  'cors-origin': string
  'front-door-id': string
  'gateway-tier': string
  'owners-endpoint': string
  'owners-audience': string
  'owners-client-id': string
  'decisions-endpoint': string
  'functions-client-id': string
  'max-request-bytes': string
}

var partSize = 400 // subscriptions in a template, which holds 800 resources at most

module namedValues 'gateway-values.bicep' = {
  params: {
    serviceName: serviceName
    usageTopicEndpoint: usageTopicEndpoint
    values: union(values, {
      'tenant-id': tenant().tenantId
      'default-product': filter(products, p => p.?default ?? false)[0].id
      'gateway-regions': regionsTable(gateways, accounts, geographies)
      'client-countries': countriesTable(geographies)
      geographies: geographiesTable(geographies)
      'require-role': requireRole ? '1' : '0'
      'first-byte-timeout': string(resilience.firstByteTimeout)
      'answer-timeout': string(resilience.answerTimeout)
      'plain-deployments': plainDeployments(flatten(map(accounts, a => deploymentSets[a.deployments])))
    })
  }
}

module backends 'gateway-backends.bicep' = {
  params: { serviceName: serviceName, accounts: accounts, endpoints: endpoints }
}

module fragments 'gateway-fragments.bicep' = {
  params: { serviceName: serviceName, tables: tableFragments(products, accounts, geographies, deploymentSets) }
  dependsOn: [namedValues]
}

module policies 'gateway-api.bicep' = {
  params: { serviceName: serviceName, api: api }
  dependsOn: [fragments, backends]
}

module decisions 'gateway-decisions.bicep' = {
  params: { serviceName: serviceName }
  dependsOn: [namedValues]
}

module opened 'gateway-products.bicep' = {
  params: { serviceName: serviceName, apiName: api.id, products: products }
  dependsOn: [policies]
}

@batchSize(1)
module teams 'gateway-subscriptions.bicep' = [
  for part in range(0, (length(subscriptions) + partSize - 1) / partSize): {
    params: { serviceName: serviceName, subscriptions: take(skip(subscriptions, part * partSize), partSize) }
    dependsOn: [opened]
  }
]
