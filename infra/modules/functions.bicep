metadata name = 'Functions'
metadata description = 'The Flex Consumption plan and the function app, with an identity and a host storage account of their own.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Names of the resources.')
param names { app: string, plan: string }
@description('Required. Container of the deployed package in the host storage account.')
param package { blobEndpoint: string, container: string }
@description('Required. The app\'s identity, and where the host keeps its state.')
param identity { resourceId: string, clientId: string }
@description('Required. Settings of the app, as chargeback/settings.py reads them.')
param appSettings object
@description('Required. Where telemetry goes; no credential.')
param insightsConnectionString string
@description('Required. Memory of an instance, upper limit of instances, warm instances of ingest and of HTTP, zones.')
param scale { memoryMB: int, maximumInstances: int, alwaysReady: int, zoneRedundant: bool }
@description('Required. Subnet to reach private endpoints from; empty for none.')
param subnetResourceId string
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

var private = !empty(subnetResourceId)
var alwaysReady = ['http', 'function:ingest_usage']
// Event Grid and the availability test come from public addresses; all else arrives by the private endpoint.
var callers = ['AzureEventGrid', 'ApplicationInsightsAvailability']

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: names.plan
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true, zoneRedundant: scale.zoneRedundant }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: names.app
  location: location
  tags: union(tags, { 'azd-service-name': 'functions' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identity.resourceId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identity.resourceId
    virtualNetworkSubnetId: private ? subnetResourceId : null
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: private ? 'Deny' : 'Allow'
      ipSecurityRestrictions: [
        for (tag, i) in (private ? callers : []): { name: tag, tag: 'ServiceTag', ipAddress: tag, action: 'Allow', priority: 100 + i }
      ]
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${package.blobEndpoint}/${package.container}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.resourceId }
        }
      }
      runtime: { name: 'python', version: '3.12' }
      scaleAndConcurrency: {
        instanceMemoryMB: scale.memoryMB
        maximumInstanceCount: scale.maximumInstances
        alwaysReady: map(scale.alwaysReady > 0 ? alwaysReady : [], item => { name: item, instanceCount: scale.alwaysReady })
        triggers: { http: { perInstanceConcurrency: 16 } } // the default for Python is 1
      }
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(appSettings, {
      PAGES_URL: empty(appSettings.PAGES_URL) ? 'https://${app.properties.defaultHostName}' : appSettings.PAGES_URL
      AzureWebJobsDisableHomepage: 'true' // the first page is ours
      PYTHON_ISOLATE_WORKER_DEPENDENCIES: '1' // the libraries of the package, not the worker's own
      AzureWebJobsStorage__blobServiceUri: package.blobEndpoint
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identity.clientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
    })
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the app.')
output resourceId string = app.id
@description('Name of the app.')
output name string = app.name
@description('Host name of the app.')
output hostName string = app.properties.defaultHostName
