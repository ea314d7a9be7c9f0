metadata name = 'Gateway configuration'
metadata description = 'What the gateway serves: named values and fragments first, then backends, the API, products and subscriptions.'

import { sharingConfig } from '../types.bicep'
import { ownValues, reachesConfig, servesConfig } from '../served.bicep'
import { countriesTable, geographiesTable, plainDeployments, regionsTable, tableFragments } from '../gateway-tables.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. What it serves.')
param serves servesConfig
@description('Required. What it reaches.')
param reaches reachesConfig
@description('Required. Its tier.')
param tier string
@description('Optional. What distinguishes a service that others use; empty for our own.')
param sharing sharingConfig = { prefix: '', mark: '' }

var api = serves.config.api
var accounts = serves.part.accounts
var geographies = serves.part.geographies
var products = serves.part.products
var subscriptions = serves.part.subscriptions
var deploymentSets = serves.deploymentSets
var endpoints = serves.endpoints
var values = ownValues(serves.callers, reaches.functions, tier)
var partSize = 400 // subscriptions in a template, which holds 800 resources at most

module namedValues 'gateway-values.bicep' = {
  params: {
    serviceName: serviceName
    usageTopicEndpoint: '${reaches.topicEndpoint}?api-version=2018-01-01'
    sharing: sharing
    values: union(values, {
      'tenant-id': tenant().tenantId
      'default-product': filter(products, p => p.?default ?? false)[0].id
      'gateway-regions': regionsTable(serves.part.gateways, accounts, geographies)
      'client-countries': countriesTable(geographies)
      geographies: geographiesTable(geographies)
      'require-role': serves.config.entra.requireRole ? '1' : '0'
      'first-byte-timeout': string(serves.config.resilience.firstByteTimeout)
      'answer-timeout': string(serves.config.resilience.answerTimeout)
      'plain-deployments': plainDeployments(flatten(map(accounts, a => deploymentSets[a.deployments])))
    })
  }
}

module backends 'gateway-backends.bicep' = {
  params: { serviceName: serviceName, accounts: accounts, endpoints: endpoints, sharing: sharing }
}

module fragments 'gateway-fragments.bicep' = {
  params: { serviceName: serviceName, tables: tableFragments(products, accounts, geographies, deploymentSets), sharing: sharing }
  dependsOn: [namedValues]
}

module policies 'gateway-api.bicep' = {
  params: { serviceName: serviceName, api: api, sharing: sharing }
  dependsOn: [fragments, backends]
}

module decisions 'gateway-decisions.bicep' = {
  params: { serviceName: serviceName, sharing: sharing }
  dependsOn: [namedValues]
}

module opened 'gateway-products.bicep' = {
  params: { serviceName: serviceName, apiName: '${sharing.prefix}${api.id}', products: products, sharing: sharing }
  dependsOn: [policies]
}

@batchSize(1)
module teams 'gateway-subscriptions.bicep' = [
  for part in range(0, (length(subscriptions) + partSize - 1) / partSize): {
    params: { serviceName: serviceName, subscriptions: take(skip(subscriptions, part * partSize), partSize) }
    dependsOn: [opened]
  }
]
