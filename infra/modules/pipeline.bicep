metadata name = 'Pipeline'
metadata description = 'The topic that usage events arrive at, the functions that turn them into books, and the topic of alerts.'

import { profileSettings, serviceConfig } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Names of the resources.')
param names { topic: string, alertTopic: string, app: string, plan: string, functionsIdentity: string, askingIdentity: string, *: string }
@description('Required. The profile.')
param settings profileSettings
@description('Required. Subnet of the functions; empty for none.')
param functionsSubnetResourceId string
@description('Required. Addresses of the stores, and where the deployed package is kept.')
param stores {
  endpoints: { blob: string, cosmos: string, cosmosDatabase: string, redis: string, vault: string }
  package: { blobEndpoint: string, container: string }
}
@description('Required. Settings of the app that operators choose, by their names: schedules, limits, decimals of the reports, the FinOps hub.')
param appOptions object
@description('Required. Tokens of emitters and of the gateway: their tenant, and the audience with which the gateway asks the functions.')
param tokens { tenantId: string, ownersAudience: string }
@description('Required. Where each region of the gateway is told what budgets decide.')
param decisionEndpoints object
@description('Required. APIs whose calls are counted, in a service that others use; all where empty.')
param apis string[]
@description('Required. Services that others use, which ask under their own identity.')
param askingServices serviceConfig[]
@description('Required. Where logs and telemetry go.')
param monitoring { workspaceResourceId: string, workspaceCustomerId: string, insightsConnectionString: string }

module identity 'identity.bicep' = {
  params: { location: location, tags: tags, name: names.functionsIdentity }
}

// This identity has no role anywhere, so its token can only be used to ask the functions.
module asking 'identity.bicep' = {
  params: { location: location, tags: tags, name: names.askingIdentity }
}

module askingPrincipals 'service-principals.bicep' = {
  params: { services: askingServices }
}

module topic 'events.bicep' = {
  params: {
    location: location
    tags: tags
    name: names.topic
    private: settings.privateNetwork
    workspaceResourceId: monitoring.workspaceResourceId
  }
}

module alertTopic 'events.bicep' = {
  params: {
    location: location
    tags: tags
    name: names.alertTopic
    private: settings.privateNetwork
    workspaceResourceId: monitoring.workspaceResourceId
  }
}

module functions 'functions.bicep' = {
  params: {
    location: location
    tags: tags
    names: { app: names.app, plan: names.plan }
    package: stores.package
    identity: { resourceId: identity.outputs.resourceId, clientId: identity.outputs.clientId }
    appSettings: union(appOptions, {
      AZURE_CLIENT_ID: identity.outputs.clientId
      CHARGEBACK_STORAGE_ACCOUNT_URL: stores.endpoints.blob
      CHARGEBACK_COSMOS_ENDPOINT: stores.endpoints.cosmos
      CHARGEBACK_COSMOS_DATABASE: stores.endpoints.cosmosDatabase
      CHARGEBACK_REDIS_URL: stores.endpoints.redis
      CHARGEBACK_KEY_VAULT_URL: stores.endpoints.vault
      ALERTS_TOPIC_ENDPOINT: alertTopic.outputs.endpoint
      LOG_ANALYTICS_WORKSPACE_ID: monitoring.workspaceCustomerId
      GATEWAY_APIS: join(apis, ',')
      ENTRA_TENANT_ID: tokens.tenantId
      OWNERS_AUDIENCE: tokens.ownersAudience
      OWNERS_CLIENT_ID: asking.outputs.clientId
      OWNERS_PRINCIPAL_IDS: join(askingPrincipals.outputs.principalIds, ',')
      DECISIONS_ENDPOINTS: string(decisionEndpoints)
    })
    insightsConnectionString: monitoring.insightsConnectionString
    scale: {
      memoryMB: settings.functionMemoryMB
      maximumInstances: settings.functionMaximumInstances
      alwaysReady: settings.functionAlwaysReady
      zoneRedundant: settings.functionZoneRedundant
    }
    subnetResourceId: functionsSubnetResourceId
    workspaceResourceId: monitoring.workspaceResourceId
  }
}

@description('Principals that roles are given to.')
output principals { functions: string, topic: string, alertTopic: string } = {
  functions: identity.outputs.principalId
  topic: topic.outputs.principalId
  alertTopic: alertTopic.outputs.principalId
}
@description('Topic: resource id and where events go.')
output topic { resourceId: string, endpoint: string } = { resourceId: topic.outputs.resourceId, endpoint: topic.outputs.endpoint }
@description('Resource id of the topic of alerts.')
output alertTopicResourceId string = alertTopic.outputs.resourceId
@description('What the gateway needs to know of the functions: as whom it asks them, who they are, and where they say who owns an object and what budgets decide.')
output answers { askingClientId: string, clientId: string, owners: string, decisions: string } = {
  askingClientId: asking.outputs.clientId
  clientId: identity.outputs.clientId
  owners: 'https://${functions.outputs.hostName}/api/v1/owners'
  decisions: 'https://${functions.outputs.hostName}/api/v1/budgets/decisions'
}
@description('Function app: resource id and host name.')
output functions { resourceId: string, hostName: string } = { resourceId: functions.outputs.resourceId, hostName: functions.outputs.hostName }
