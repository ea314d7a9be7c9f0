metadata name = 'Chargeback for Azure OpenAI'
metadata description = 'The whole system: gateway, models, pipeline, books, network and operations, by profile and by config/company/*.yaml.'

targetScope = 'subscription'

import { resourceNames } from 'names.bicep'
import { accountEndpoint, accountId, elsewhereOf, servicesOf } from 'existing.bicep'
import { decisionEndpoints, gatewayHosts, probedHosts, servedBy } from 'served.bicep'
import { principalsOf } from 'principals.bicep'
import { idIn, listed, regionalIds, targetsOf } from 'private-targets.bicep'
import { appSettings, profileOverrides } from 'types.bicep'

@minLength(1)
@maxLength(64)
@description('Required. Name of the azd environment. The names of the groups contain it; every other name contains a token that is made from it.')
param environmentName string
@description('Required. Region of the pipeline and the books.')
@metadata({ azd: { type: 'location' } })
param location string
@description('Optional. What is deployed: trial (one region, cheapest), staging (two regions, public), rehearsal (production at the smallest sizes, for a day), or production (several regions, zones, private).')
param profile ('trial' | 'staging' | 'rehearsal' | 'production') = 'trial'
@description('Optional. Values that replace those of the profile (infra/profiles.yaml).')
param overrides profileOverrides = {}
@description('Optional. How events reach the functions: trigger (one event an invocation) or webhook (batches, for volume).')
param eventDelivery ('trigger' | 'webhook') = 'trigger'
@description('Optional. The principal that deploys; it gets the roles that the hooks need.')
param principalId string = deployer().objectId
@description('Optional. Whether a person or a pipeline deploys.')
param principalType ('User' | 'ServicePrincipal') = 'User'
@description('Optional. Entra group of finance, which may read the reports, the closed periods and the settled days; empty for none.')
param financeGroupId string = ''
@description('Optional. Comma-separated addresses that alerts and budget warnings go to; empty for nobody.')
param alertEmails string = ''
@secure()
@description('Optional. Comma-separated addresses that alerts are posted to, in the common alert schema (PagerDuty, Opsgenie, your own); empty for none.')
param alertWebhooks string = ''
@secure()
@description('Optional. Address of a Teams workflow ("Send webhook alerts to a channel") that alerts are posted to as cards; empty for none.')
param alertTeamsUrl string = ''
@description('Optional. Endpoint of a Communication Services resource that sends the mail of channels in alerts.yaml; empty for none.')
param mailEndpoint string = ''
@description('Conditional. Address that this mail is sent from, of a domain that the resource is linked to; required with mailEndpoint.')
param mailSender string = ''
@description('Optional. Name of the gateway\'s publisher.')
param publisherName string = 'Platform team'
@description('Optional. E-mail address of the gateway\'s publisher.')
param publisherEmail string = 'platform@example.com'
@description('Optional. Audience of the Entra tokens that the gateway accepts: the application id URI or the client id of an app registration of yours; - for none.')
param callerAudience string = '-'
@description('Optional. A second audience that the gateway accepts: clients of Azure OpenAI ask for https://cognitiveservices.azure.com or https://ai.azure.com. Only the first if empty.')
param secondCallerAudience string = ''
@description('Optional. First address of the range that callers may call from.')
param callerIpFrom string = '0.0.0.0'
@description('Optional. Last address of the range that callers may call from.')
param callerIpTo string = '255.255.255.255'
@description('Optional. The one origin that browsers may call from.')
param corsOrigin string = 'https://localhost'
@description('Optional. Id of the Front Door whose country header is believed; - for none.')
param frontDoorId string = '-'
@description('Optional. Host name that callers use, once its certificate is in the vault of the gateway; empty for that of the service.')
param gatewayHostName string = ''
@description('Conditional. Address of the certificate\'s secret in the vault of the gateway, without a version; required with gatewayHostName.')
param gatewayCertificateUrl string = ''
@description('Optional. Comma-separated public addresses that may reach the stores of a private deployment, such as a runner.')
param storeIpAddresses string = ''
@description('Optional. Settings of the app that have no parameter of their own: schedules (NCRONTAB, UTC), and addresses of other clouds.')
param appOptions appSettings = {}
@description('Optional. Blob endpoint of a FinOps hub, such as https://<account>.blob.core.windows.net; empty for none. The identity of the app needs access to its container ingestion.')
param finopsHubUrl string = ''
@description('Optional. Name of these books in the FinOps hub.')
param finopsHubScope string = 'chargeback'
@minValue(1)
@maxValue(70)
@description('Optional. Hours after which a streamed call without token counts is estimated.')
param settleDeadlineHours int = 24
@minValue(0)
@maxValue(3600)
@description('Optional. Seconds without new log rows after which a streamed call is settled.')
param settleQuietSeconds int = 300
@minValue(0)
@maxValue(12)
@description('Optional. Decimal places of amounts in reports.')
param reportDecimals int = 6
@minValue(1)
@maxValue(3650)
@description('Optional. Days after which an event is too old to be counted; at most one less than the ledger is kept.')
param maxEventAgeDays int = 400
@minValue(0)
@maxValue(1440)
@description('Optional. Minutes that an event may lie in the future.')
param clockSkewMinutes int = 60
@description('Optional. Tenant of the tokens that people, emitters of config/company/emitters.yaml and the gateway sign in with; the one deployed to if empty.')
param entraTenantId string = ''
@description('Optional. Audience of those tokens, such as api://chargeback; none if empty.')
param eventsAudience string = ''
@description('Optional. Audience of the tokens with which the gateway asks the functions who owns an object, and with which they tell it what budgets decide: one that every tenant has, or an app registration of your own.')
param ownersAudience string = 'https://eventgrid.azure.net'
@description('Optional. Client id of the registration that people sign in to for costs, as scripts/register-app prints it; nobody may ask for costs if empty.')
param apiClientId string = ''
@description('Optional. Where people reach the pages, such as https://costs.example.com, once that host name is the app\'s; its own address if empty.')
param pagesUrl string = ''
@description('Optional. First month of the resource budget, as yyyy-MM-01; it must not change afterwards.')
param budgetStartDate string = ''
@description('Optional. Comma-separated containers whose immutability policy is locked, which a deployment must not touch: closed, ledger. The preflight hook finds them.')
param immutabilityLocked string = ''
@description('Optional. True: the app was deployed before, so its silence raises an alert. The preflight hook sets it.')
param functionsDeployed bool = false
@description('Optional. Comma-separated hosts that the models may fetch images from, by calls with an address instead of data; empty for none, * for any.')
param modelFetchHosts string = ''
@description('Optional. Id of a Log Analytics workspace that exists; one is made if empty.')
param existingWorkspaceId string = ''
@description('Optional. Id of a Key Vault that exists, under Azure RBAC, for the secrets of the functions; one is made if empty.')
param existingVaultId string = ''
@description('Optional. Comma-separated role assignments on existing resources that are there already, each as role|principal|resource. The preflight hook finds them.')
param heldRoles string = ''
@description('Optional. Set by the deployment itself.')
param currentMonth string = utcNow('yyyy-MM-01')

var deploymentMap = loadYamlContent('../config/company/deployments.yaml')
var gatewayMap = loadYamlContent('../config/company/gateway.yaml')
var profiles = loadYamlContent('profiles.yaml')
var settings = any(union(profiles[profile], overrides)) // the modules say what it must be: profileSettings
var served = servedBy(any(deploymentMap.accounts), gatewayMap, settings.multiRegion)
var metering = any(gatewayMap).?metering
var meteringOnly = metering != null
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName, system: 'chargeback', profile: profile }
var regions = map(served.gateways, g => g.region)
var names = resourceNames(loadJsonContent('abbreviations.json'), environmentName, token)
var newAccounts = filter(served.accounts, a => a.?resourceId == null)
var accounts = map(served.accounts, a => { account: a.account, resourceId: accountId(a, names.group, token), exists: a.?resourceId != null })
var modelNames = map(newAccounts, a => '${a.account}-${token}')
var networkIds = map(settings.privateNetwork ? served.gateways : [], gateway => regionalIds(names, gateway))
var services = servicesOf(served.gateways, names.gateway, settings.gatewayTopology == 'spanning')
var newServices = filter(services, s => empty(s.resourceId))
var sharedServices = filter(services, s => !empty(s.resourceId))
var elsewhere = elsewhereOf(existingWorkspaceId, existingVaultId, meteringOnly ? [] : served.accounts, heldRoles, environmentName)
// In a service that others use, the log has their calls, too.
var apis = empty(sharedServices) ? [] : metering.?apis ?? concat(['chargeback-${gatewayMap.api.id}'], empty(newServices) ? [] : [gatewayMap.api.id])
var emails = listed(alertEmails)
var tenantOfTokens = empty(entraTenantId) ? tenant().tenantId : entraTenantId

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = { name: names.group, location: location, tags: tags }

// A group for each region, because two private DNS zones of one name cannot be in the same group.
resource networkGroups 'Microsoft.Resources/resourceGroups@2025-04-01' = [
  for region in regions: if (settings.privateNetwork) {
    name: '${names.group}-${region}'
    location: region
    tags: tags
  }
]

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    names: { workspace: names.workspace, insights: names.insights, actionGroup: names.actionGroup, alertsToTeams: names.alertsToTeams }
    retention: settings.retention
    alertEmails: emails
    alertWebhooks: alertWebhooks
    alertTeamsUrl: alertTeamsUrl
    dailyGB: settings.logsDailyGB
    existingWorkspaceId: existingWorkspaceId
  }
}

module networks 'modules/region.bicep' = [
  for (gateway, i) in served.gateways: if (settings.privateNetwork) {
    scope: resourceGroup('${names.group}-${gateway.region}')
    params: {
      tags: tags
      gateway: gateway
      names: names
      addressPrefix: cidrSubnet('10.64.0.0/12', 16, i)
      zoneRedundant: settings.zoneRedundant
      withFunctions: i == 0 // the pipeline lives in the primary region
      workspaceResourceId: monitoring.outputs.workspaceResourceId
    }
    dependsOn: [networkGroups]
  }
]

module stores 'modules/stores.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    settings: settings
    secondaryLocation: length(regions) > 1 && settings.cosmosMaxThroughput > 0 ? filter(regions, r => r != location)[0] : ''
    lockedContainers: listed(immutabilityLocked)
    allowedIpAddresses: listed(storeIpAddresses)
    gatewaySubnetResourceIds: filter(map(networkIds, ids => ids.gateway), id => !empty(id))
    existingVaultId: existingVaultId
    workspaceResourceId: monitoring.outputs.workspaceResourceId
  }
  dependsOn: [networks]
}

module pipeline 'modules/pipeline.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    names: names
    settings: settings
    stores: { endpoints: stores.outputs.endpoints, package: stores.outputs.package }
    tokens: { tenantId: tenantOfTokens, ownersAudience: ownersAudience }
    decisionEndpoints: meteringOnly ? {} : decisionEndpoints(services, regions)
    apis: apis
    askingServices: meteringOnly ? [] : sharedServices
    functionsSubnetResourceId: settings.privateNetwork ? networkIds[0].functions : ''
    appOptions: union(appOptions, {
      FINOPS_HUB_URL: finopsHubUrl
      FINOPS_HUB_SCOPE: finopsHubScope
      COMMUNICATION_ENDPOINT: mailEndpoint
      ALERT_SENDER: mailSender
      SETTLE_DEADLINE_HOURS: string(settleDeadlineHours)
      SETTLE_QUIET_SECONDS: string(settleQuietSeconds)
      REPORT_DECIMALS: string(reportDecimals)
      MAX_EVENT_AGE_DAYS: string(min(maxEventAgeDays, settings.retention.ledger - 2)) // no event is accepted for a day that has left the ledger, or the day after it
      CLOCK_SKEW_MINUTES: string(clockSkewMinutes)
      EVENTS_AUDIENCE: eventsAudience
      API_CLIENT_ID: apiClientId
      PAGES_URL: pagesUrl
    })
    monitoring: { workspaceResourceId: monitoring.outputs.workspaceResourceId, workspaceCustomerId: monitoring.outputs.workspaceCustomerId, insightsConnectionString: monitoring.outputs.insightsConnectionString }
  }
  dependsOn: [networks]
}

module models 'modules/models.bicep' = [
  for (account, i) in newAccounts: {
    scope: group
    params: {
      location: account.region
      tags: tags
      name: modelNames[i]
      deployments: deploymentMap.deploymentSets[account.deployments]
      capacityPercent: settings.modelCapacityPercent
      fetchHosts: listed(modelFetchHosts)
      private: settings.privateNetwork
      workspaceResourceId: monitoring.outputs.workspaceResourceId
    }
  }
]

module customRoles 'modules/all-custom-roles.bicep' = { scope: group, params: { elsewhere: elsewhere } }

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    principals: principalsOf(names, { key: principalId, type: principalType }, financeGroupId)
    principalIds: [pipeline.outputs.principals.functions, pipeline.outputs.principals.topic, pipeline.outputs.principals.alertTopic, principalId, financeGroupId]
    names: any(union(names, { models: modelNames }))
    elsewhere: elsewhere
  }
  dependsOn: [models, customRoles]
}

// One region after the other: an account of models takes one operation at a time.
@batchSize(1)
module privateEndpoints 'modules/private-endpoints.bicep' = [
  for (region, i) in regions: if (settings.privateNetwork) {
    scope: resourceGroup('${names.group}-${region}')
    params: {
      location: region
      tags: tags
      networkResourceId: networkIds[i].network
      subnetResourceId: networkIds[i].endpoints
      targets: targetsOf(names.group, names, accounts, networkIds[i], i == 0, empty(existingVaultId))
      existingZones: networkIds[i].zones
    }
    dependsOn: [networks, models, stores, pipeline, roles]
  }
]

module gatewayServices 'modules/gateway-services.bicep' = {
  scope: group
  params: {
    tags: tags
    names: any(union(names, { models: modelNames }))
    settings: settings
    regions: regions
    services: services
    networkIds: networkIds
    publisher: { name: publisherName, email: publisherEmail }
    customHost: empty(gatewayHostName) ? null : { name: gatewayHostName, certificateUrl: gatewayCertificateUrl }
    serves: {
      config: gatewayMap
      part: served
      deploymentSets: deploymentMap.deploymentSets
      endpoints: map(served.accounts, a => accountEndpoint(a, token))
      callers: { audience: callerAudience, 'second-audience': empty(secondCallerAudience) ? callerAudience : secondCallerAudience, 'allowed-ip-from': callerIpFrom, 'allowed-ip-to': callerIpTo, 'cors-origin': corsOrigin, 'front-door-id': frontDoorId }
    }
    reaches: { topicEndpoint: pipeline.outputs.topic.endpoint, functions: union(pipeline.outputs.answers, { audience: ownersAudience }) }
    hosts: empty(sharedServices) ? gatewayHosts(services, regions) : [] // those that exist have names of their own
    workspaceResourceId: monitoring.outputs.workspaceResourceId
    elsewhere: elsewhere
  }
  // A network takes one service or endpoint at a time. Without a network, only this makes the service, and the roles of
  // its identity, wait for the resources that the roles are given on.
  dependsOn: [privateEndpoints, roles]
}

module operations 'modules/operations.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    monitoring: { workspaceResourceId: monitoring.outputs.workspaceResourceId, insightsResourceId: monitoring.outputs.insightsResourceId, actionGroupResourceId: monitoring.outputs.actionGroupResourceId }
    watched: any(union(names, {
      vault: empty(existingVaultId) ? names.vault : ''
      gateways: map(newServices, s => s.name)
      gatewaySku: settings.gatewaySku
      models: map(meteringOnly ? [] : accounts, a => a.resourceId)
      traffic: length(regions) > 1 && empty(sharedServices) ? names.traffic : ''
      functionMemoryMB: settings.functionMemoryMB
      functionMaximumInstances: settings.functionMaximumInstances
    }))
    apis: empty(apis) ? [gatewayMap.api.id] : apis
    gatewayHosts: probedHosts(services, regions, names.gateway, gatewayHostName)
    functions: { host: pipeline.outputs.functions.hostName, deployed: functionsDeployed }
  }
  dependsOn: [models, gatewayServices] // an alert can only be made when the resource that it watches exists
}

module budget 'modules/budget.bicep' = {
  params: {
    name: names.budget
    environmentName: environmentName
    amount: settings.monthlyBudget
    startDate: empty(budgetStartDate) ? currentMonth : budgetStartDate
    emails: emails
    actionGroupResourceId: monitoring.outputs.actionGroupResourceId
  }
}

@description('Resource group of the pipeline.')
output AZURE_RESOURCE_GROUP string = group.name
@description('Address of the gateway; callers append /openai.')
output GATEWAY_URL string = 'https://${empty(gatewayHostName) ? '${services[0].name}.azure-api.net' : gatewayHostName}'
@description('Name of the API Management service; where each region has one, the name of the first.')
output GATEWAY_NAME string = services[0].name
@description('Names of all API Management services, the first one first, with commas between.')
output GATEWAY_NAMES string = join(map(services, s => s.name), ',')
@description('Resource ids of all API Management services, the first one first, with commas between.')
output GATEWAY_IDS string = join(map(services, s => empty(s.resourceId) ? idIn(names.group, 'Microsoft.ApiManagement/service', s.name) : s.resourceId), ',')
@description('Path of the API below the gateway.')
output GATEWAY_API_PATH string = gatewayMap.api.path
@description('Host name of Traffic Manager; empty in one region.')
output TRAFFIC_MANAGER_HOST string = gatewayServices.outputs.trafficHost
@description('Resource id of the topic.')
output EVENT_TOPIC_ID string = pipeline.outputs.topic.resourceId
@description('Resource id of the topic of alerts.')
output ALERT_TOPIC_ID string = pipeline.outputs.alertTopicResourceId
@description('How events are delivered.')
output EVENT_DELIVERY string = eventDelivery
@description('Resource id of the function app.')
output FUNCTION_APP_ID string = pipeline.outputs.functions.resourceId
@description('Host name of the function app.')
output FUNCTION_APP_HOST string = pipeline.outputs.functions.hostName
@description('Principal id of the app\'s identity, for scripts/register-app.')
output FUNCTIONS_PRINCIPAL_ID string = pipeline.outputs.principals.functions
@description('Name of the function app, for azd.')
output SERVICE_FUNCTIONS_NAME string = names.app
@description('Blob endpoint of the books.')
output CHARGEBACK_STORAGE_ACCOUNT_URL string = stores.outputs.endpoints.blob
@description('Resource id of the storage account of the books.')
output STORAGE_ACCOUNT_ID string = resourceId(subscription().subscriptionId, group.name, 'Microsoft.Storage/storageAccounts', names.storage)
@description('Endpoint of Cosmos DB.')
output CHARGEBACK_COSMOS_ENDPOINT string = stores.outputs.endpoints.cosmos
@description('Database of Cosmos DB.')
output CHARGEBACK_COSMOS_DATABASE string = stores.outputs.endpoints.cosmosDatabase
@description('Tenant of the tokens of people, emitters and the gateway.')
output ENTRA_TENANT_ID string = tenantOfTokens
@description('Workspace with the log of the gateway.')
output LOG_ANALYTICS_WORKSPACE_ID string = monitoring.outputs.workspaceCustomerId
@description('APIs whose calls are counted, in a service that others use; all where empty.')
output GATEWAY_APIS string = join(apis, ',')
@description('Address of Redis; sign in with Entra.')
output CHARGEBACK_REDIS_URL string = stores.outputs.endpoints.redis
@description('Address of the Key Vault.')
output CHARGEBACK_KEY_VAULT_URL string = stores.outputs.endpoints.vault
@description('Name of the vault that the certificate of the gateway\'s host name is imported into.')
output GATEWAY_VAULT_NAME string = names.certificateVault
@description('Subscription that the smoke test calls with, and is charged to.')
output SMOKE_SUBSCRIPTION string = meteringOnly ? '' : filter(served.subscriptions, s => s.?smokeTest ?? false)[0].id
@description('Deployment that the smoke test calls.')
output SMOKE_DEPLOYMENT string = deploymentMap.deploymentSets[served.accounts[0].deployments][0].name
