metadata name = 'Chargeback for Azure OpenAI'
metadata description = 'The whole system: gateway, models, pipeline, books, network and operations, by profile and by config/company/*.yaml.'

targetScope = 'subscription'

import { resourceNames } from 'names.bicep'
import { gatewayHosts, servedGeographies } from 'served.bicep'
import { gatewayTargets, idIn, listed, pipelineTargets, regionalIds } from 'private-targets.bicep'
import { profileOverrides } from 'types.bicep'

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
@description('Optional. Entra group of finance, which may read the reports and the closed periods; empty for none.')
param financeGroupId string = ''
@description('Optional. Comma-separated addresses that alerts and budget warnings go to; empty for nobody.')
param alertEmails string = ''
@secure()
@description('Optional. Comma-separated addresses that alerts are posted to, in the common alert schema (PagerDuty, Opsgenie, your own); empty for none.')
param alertWebhooks string = ''
@secure()
@description('Optional. Address of a Teams workflow ("Send webhook alerts to a channel") that alerts are posted to as cards; empty for none.')
param alertTeamsUrl string = ''
@description('Optional. Name of the gateway\'s publisher.')
param publisherName string = 'Platform team'
@description('Optional. E-mail address of the gateway\'s publisher.')
param publisherEmail string = 'platform@example.com'
@description('Optional. Audience of the Entra tokens that the gateway accepts. Nobody can get such a token until an app registration has this audience.')
param callerAudience string = 'api://chargeback-gateway'
@description('Optional. A second audience that the gateway accepts: clients of Azure OpenAI ask for https://cognitiveservices.azure.com or https://ai.azure.com.')
param secondCallerAudience string = callerAudience
@description('Optional. First address of the range that callers may call from.')
param allowedIpFrom string = '0.0.0.0'
@description('Optional. Last address of the range that callers may call from.')
param allowedIpTo string = '255.255.255.255'
@description('Optional. The one origin that browsers may call from.')
param corsOrigin string = 'https://localhost'
@description('Optional. Id of the Front Door whose country header is believed; - for none.')
param frontDoorId string = '-'
@description('Optional. Host name that callers use, once its certificate is in the vault of the gateway; empty for that of the service.')
param gatewayHostName string = ''
@description('Conditional. Address of the certificate\'s secret in the vault of the gateway, without a version; required with gatewayHostName.')
param gatewayCertificateUrl string = ''
@description('Optional. Comma-separated public addresses that may reach the stores of a private deployment, such as a runner.')
param allowedIpAddresses string = ''
@description('Optional. When lines are posted to Cosmos DB (NCRONTAB, UTC).')
param postSchedule string = '0 */15 * * * *'
@description('Optional. When the ledger is audited.')
param auditSchedule string = '0 30 2 * * *'
@description('Optional. When reports are published.')
param publishSchedule string = '0 0 4 * * *'
@description('Optional. When billing periods are closed whose grace period is over.')
param closeSchedule string = '0 30 5 * * *'
@description('Optional. When published months are compared with the invoice.')
param reconcileSchedule string = '0 0 7 * * *'
@description('Optional. Blob endpoint of a FinOps hub, such as https://<account>.blob.core.windows.net; empty for none. The identity of the app needs access to its container ingestion.')
param finopsHubUrl string = ''
@description('Optional. Name of these books in the FinOps hub.')
param finopsHubScope string = 'chargeback'
@description('Optional. When streamed calls are settled.')
param settleSchedule string = '0 10/15 * * * *'
@description('Optional. When the gateways are told what budgets decide, beside what each batch of events changes: each minute at least, because they do not believe what is older than three.')
param decideSchedule string = '0 * * * * *'
@description('Optional. When budgets are projected and anomalies looked for.')
param forecastSchedule string = '0 0 5 * * *'
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
@description('Optional. Tenant of the tokens that emitters of config/company/emitters.yaml and the gateway sign in with; the one deployed to if empty.')
param entraTenantId string = ''
@description('Optional. Audience of those tokens, such as api://chargeback; none if empty.')
param eventsAudience string = ''
@description('Optional. Audience of the tokens with which the gateway asks the functions who owns an object, and with which they tell it what budgets decide: one that every tenant has, or an app registration of your own.')
param ownersAudience string = 'https://eventgrid.azure.net'
@description('Optional. First month of the resource budget, as yyyy-MM-01; it must not change afterwards.')
param budgetStartDate string = ''
@description('Optional. Comma-separated containers whose immutability policy is locked, which a deployment must not touch: closed, ledger. The preflight hook finds them.')
param immutabilityLocked string = ''
@description('Optional. True: the app was deployed before, so its silence raises an alert. The preflight hook sets it.')
param functionsDeployed bool = false
@description('Optional. Comma-separated hosts that the models may fetch images from, by calls with an address instead of data; empty for none, * for any.')
param modelFetchHosts string = ''
@description('Optional. Set by the deployment itself.')
param currentMonth string = utcNow('yyyy-MM-01')

var deploymentMap = loadYamlContent('../config/company/deployments.yaml')
var gatewayMap = loadYamlContent('../config/company/gateway.yaml')
var profiles = loadYamlContent('profiles.yaml')
var settings = any(union(profiles[profile], overrides)) // the modules say what it must be: profileSettings

// A deployment in one region has only the accounts of that region, and no product whose residency is elsewhere.
var primary = filter(gatewayMap.gateways, g => g.?primary ?? false)[0]
var gateways = settings.multiRegion ? union([primary], gatewayMap.gateways) : [primary]
var accounts = filter(deploymentMap.accounts, a => settings.multiRegion || a.region == primary.region)
var geographies = any(servedGeographies(gatewayMap.geographies, map(accounts, a => a.region)))
var servedIds = map(geographies, g => g.id)
var products = filter(gatewayMap.products, p => p.residency == null || contains(servedIds, p.residency))
var subscriptions = filter(gatewayMap.subscriptions, s => contains(map(products, p => p.id), s.product))

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName, system: 'chargeback', profile: profile }
var regions = map(gateways, g => g.region)
var names = resourceNames(loadJsonContent('abbreviations.json'), environmentName, token)
var modelNames = map(accounts, a => '${a.account}-${token}')
var networkIds = map(settings.privateNetwork ? regions : [], region => regionalIds(names, region))
// One gateway service spans all regions, or each region has its own; `places` are indexes of `regions`.
var everywhere = range(0, length(regions))
var services = settings.gatewayTopology == 'perRegion'
  ? map(everywhere, i => { name: i == 0 ? names.gateway : '${names.gateway}-${regions[i]}', places: [i] })
  : [{ name: names.gateway, places: everywhere }]
var hosts = gatewayHosts(names.gateway, services, regions)
var emails = listed(alertEmails)
var openAddresses = listed(allowedIpAddresses)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: names.group
  location: location
  tags: tags
}

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
  }
}

module networks 'modules/network.bicep' = [
  for (region, i) in regions: if (settings.privateNetwork) {
    scope: resourceGroup('${names.group}-${region}')
    params: {
      location: region
      tags: tags
      name: '${names.network}-${region}'
      addressPrefix: cidrSubnet('10.64.0.0/12', 16, i)
      gatewayLabel: '${names.gateway}-${region}'
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
    allowedIpAddresses: openAddresses
    gatewaySubnetResourceIds: map(networkIds, ids => ids.gateway)
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
    tokens: { tenantId: empty(entraTenantId) ? tenant().tenantId : entraTenantId, ownersAudience: ownersAudience }
    gatewayHosts: hosts
    functionsSubnetResourceId: settings.privateNetwork ? networkIds[0].functions : ''
    appOptions: {
      POST_SCHEDULE: postSchedule
      AUDIT_SCHEDULE: auditSchedule
      PUBLISH_SCHEDULE: publishSchedule
      CLOSE_SCHEDULE: closeSchedule
      RECONCILE_SCHEDULE: reconcileSchedule
      FINOPS_HUB_URL: finopsHubUrl
      FINOPS_HUB_SCOPE: finopsHubScope
      SETTLE_SCHEDULE: settleSchedule
      FORECAST_SCHEDULE: forecastSchedule
      DECIDE_SCHEDULE: decideSchedule
      SETTLE_DEADLINE_HOURS: string(settleDeadlineHours)
      SETTLE_QUIET_SECONDS: string(settleQuietSeconds)
      REPORT_DECIMALS: string(reportDecimals)
      MAX_EVENT_AGE_DAYS: string(min(maxEventAgeDays, settings.retention.ledger - 2)) // no event is accepted for a day that has left the ledger, or the day after it
      CLOCK_SKEW_MINUTES: string(clockSkewMinutes)
      EVENTS_AUDIENCE: eventsAudience
    }
    monitoring: { workspaceResourceId: monitoring.outputs.workspaceResourceId, workspaceCustomerId: monitoring.outputs.workspaceCustomerId, insightsConnectionString: monitoring.outputs.insightsConnectionString }
  }
  dependsOn: [networks]
}

module models 'modules/models.bicep' = [
  for (account, i) in accounts: {
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

module customRoles 'modules/custom-roles.bicep' = {
  scope: group
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    principals: concat(
      [
        { who: 'functions', key: idIn(names.group, 'Microsoft.ManagedIdentity/userAssignedIdentities', names.functionsIdentity), type: 'ServicePrincipal' }
        { who: 'topic', key: idIn(names.group, 'Microsoft.EventGrid/topics', names.topic), type: 'ServicePrincipal' }
        { who: 'deployer', key: principalId, type: principalType }
      ],
      empty(financeGroupId) ? [] : [{ who: 'finance', key: financeGroupId, type: 'Group' }]
    )
    principalIds: [pipeline.outputs.principals.functions, pipeline.outputs.principals.topic, principalId, financeGroupId]
    names: any(union(names, { models: modelNames }))
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
      targets: concat(gatewayTargets(names.group, names, map(accounts, a => a.account), modelNames), i == 0 ? pipelineTargets(names.group, names) : [])
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
    config: gatewayMap
    served: { gateways: gateways, accounts: accounts, geographies: geographies, products: products, subscriptions: subscriptions }
    deploymentSets: deploymentMap.deploymentSets
    endpoints: [for i in range(0, length(accounts)): models[i].outputs.endpoint]
    topicEndpoint: pipeline.outputs.topic.endpoint
    functions: union(pipeline.outputs.answers, { audience: ownersAudience })
    hosts: hosts
    callers: {
      audience: callerAudience
      'second-audience': secondCallerAudience
      'allowed-ip-from': allowedIpFrom
      'allowed-ip-to': allowedIpTo
      'cors-origin': corsOrigin
      'front-door-id': frontDoorId
    }
    workspaceResourceId: monitoring.outputs.workspaceResourceId
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
      gateways: map(services, s => s.name)
      gatewaySku: settings.gatewaySku
      models: modelNames
      traffic: length(regions) > 1 ? names.traffic : ''
      functionMemoryMB: settings.functionMemoryMB
      functionMaximumInstances: settings.functionMaximumInstances
    }))
    gatewayHosts: map(services, s => {
      name: s.name == names.gateway ? 'gateway' : 'gateway-${regions[s.places[0]]}'
      host: s.name != names.gateway || empty(gatewayHostName) ? '${s.name}.azure-api.net' : gatewayHostName
    })
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
output GATEWAY_URL string = empty(gatewayHostName) ? gatewayServices.outputs.url : 'https://${gatewayHostName}'
@description('Name of the API Management service; where each region has one, the name of the first.')
output GATEWAY_NAME string = names.gateway
@description('Names of all API Management services, the first one first, with commas between.')
output GATEWAY_NAMES string = join(map(services, s => s.name), ',')
@description('Host name of Traffic Manager; empty in one region.')
output TRAFFIC_MANAGER_HOST string = gatewayServices.outputs.trafficHost
@description('Resource id of the topic.')
output EVENT_TOPIC_ID string = pipeline.outputs.topic.resourceId
@description('How events are delivered.')
output EVENT_DELIVERY string = eventDelivery
@description('Resource id of the function app.')
output FUNCTION_APP_ID string = pipeline.outputs.functions.resourceId
@description('Host name of the function app.')
output FUNCTION_APP_HOST string = pipeline.outputs.functions.hostName
@description('Name of the function app, for azd.')
output SERVICE_FUNCTIONS_NAME string = names.app
@description('Blob endpoint of the books.')
output STORAGE_ACCOUNT_URL string = stores.outputs.endpoints.blob
@description('Resource id of the storage account of the books.')
output STORAGE_ACCOUNT_ID string = resourceId(subscription().subscriptionId, group.name, 'Microsoft.Storage/storageAccounts', names.storage)
@description('Endpoint of Cosmos DB.')
output COSMOS_ENDPOINT string = stores.outputs.endpoints.cosmos
@description('Database of Cosmos DB.')
output COSMOS_DATABASE string = stores.outputs.endpoints.cosmosDatabase
@description('Address of the Key Vault.')
output KEY_VAULT_URL string = stores.outputs.endpoints.vault
@description('Name of the vault that the certificate of the gateway\'s host name is imported into.')
output GATEWAY_VAULT_NAME string = names.certificateVault
@description('Subscription that the smoke test calls with, and is charged to.')
output SMOKE_SUBSCRIPTION string = filter(subscriptions, s => s.?smokeTest ?? false)[0].id
@description('Deployment that the smoke test calls.')
output SMOKE_DEPLOYMENT string = deploymentMap.deploymentSets[accounts[0].deployments][0].name
