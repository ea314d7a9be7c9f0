metadata name = 'Types'
metadata description = 'The shapes of config/company/*.yaml and of a profile, so that a wrong value is refused before anything is deployed.'

@export()
@description('One Azure OpenAI account of config/company/deployments.yaml.')
type accountConfig = {
  @minLength(2)
  @maxLength(40)
  @description('Required. Name without the suffix that makes it unique in Azure; also the id of its gateway backend.')
  account: string
  @description('Required. Azure region.')
  region: string
  @minValue(1)
  @maxValue(100)
  @description('Required. Order within its geography, 1 first.')
  priority: int
  @minValue(1)
  @maxValue(100)
  @description('Required. Share of the load among equal priorities.')
  weight: int
  @description('Required. Name of its set under deploymentSets.')
  deployments: string
  @description('Optional. Id of an account that exists; one is made where unset.')
  resourceId: string?
}

@export()
@description('One model deployment of config/company/deployments.yaml.')
type deploymentConfig = {
  @description('Required. Name that callers use.')
  name: string
  @description('Required. Model name in the catalogue.')
  model: string
  @description('Required. Model version.')
  version: string
  @description('Required. Deployment SKU.')
  type: ('Standard' | 'DataZoneStandard' | 'GlobalStandard' | 'ProvisionedManaged' | 'DataZoneProvisionedManaged' | 'GlobalProvisionedManaged' | 'GlobalBatch' | 'DataZoneBatch' | 'DeveloperTier')
  @minValue(1)
  @description('Required. Units of the SKU; 1 000 tokens per minute for pay-as-you-go.')
  capacity: int
  @description('Optional. The service tier that the deployment is set to in Azure, for prices; no stable API version can set it.')
  serviceTier: ('priority')?
}

@export()
@description('A geography of config/company/gateway.yaml.')
type geographyConfig = {
  @description('Required. Short id, part of the pool names.')
  id: string
  @description('Required. Display name.')
  name: string
  @description('Required. Azure regions of gateways and accounts that belong to it.')
  regions: string[]
  @description('Required. Geographies that calls of products without a residency may fail over to, in order.')
  failover: string[]
  @description('Optional. Countries (ISO 3166) whose callers belong to it, where Front Door names the country.')
  countries: string[]?
}

@export()
@description('A gateway region of config/company/gateway.yaml.')
type gatewayConfig = {
  @description('Required. Azure region.')
  region: string
  @description('Conditional. True for exactly one gateway: the one that profiles with one region deploy, with the pipeline beside it.')
  primary: bool?
  @description('Optional. Id of a service that exists; one is made where unset.')
  resourceId: string?
  @description('Conditional. Its tier; required with resourceId.')
  tier: ('Developer' | 'Basic' | 'Standard' | 'Premium' | 'BasicV2' | 'StandardV2' | 'PremiumV2')?
  @description('Optional. Subnets of a virtual network that exists, and its private DNS zones; a network is made where unset.')
  network: { endpoints: string, functions: string?, gateway: string?, dnsZones: string[]? }?
}

@export()
@description('A service of the gateway: the regions that it spans, as indexes of the gateway regions; for one that exists its id and tier.')
type serviceConfig = { name: string, places: int[], resourceId: string, tier: string }

@export()
@description('What distinguishes a service that others use: the mark of what is ours in it. Empty for a service of our own.')
type sharingConfig = { prefix: ('' | 'chargeback-'), mark: string }

@export()
@description('A product of config/company/gateway.yaml.')
type productConfig = {
  @description('Required. Product id.')
  id: string
  @description('Required. Display name.')
  name: string
  @description('Conditional. True for exactly one product: that of a caller who brings none.')
  default: bool?
  @description('Required. The geography that calls never leave; null for none.')
  residency: string?
  @minValue(1)
  @description('Required. Token limit of each subscription.')
  tokensPerMinute: int
  @minValue(1)
  @description('Required. Request limit of each subscription.')
  requestsPerMinute: int
  @description('Required. True buffers streams to read their exact usage at once.')
  exactStreams: bool
  @description('Required. True asks for the usage chunk of streamed chat calls.')
  injectStreamUsage: bool
  @description('Optional. True: gateways outside the residency refuse the call.')
  localGatewayOnly: bool?
  @description('Optional. What happens while nothing is known about budgets; allow where unset.')
  withoutBudget: ('allow' | 'refuse')?
  @description('Optional. Deployments whose calls are refused while nothing is known about budgets, where others are allowed.')
  withoutBudgetModels: string[]?
  @description('Optional. Who owns the objects that calls make: the subscription (or Entra caller), where unset, or the whole product.')
  objectOwner: ('subscription' | 'product')?
  @description('Optional. Whether streamed responses are stored: open (where unset) for whoever has the id, or closed.')
  streamedResponses: ('open' | 'closed')?
  @description('Optional. Operations that it may use; all where unset.')
  operations: string[]?
  @description('Optional. Deployments and aliases that it may use; all where unset.')
  models: string[]?
  @description('Optional. Types of tools that it may use; where unset all, or with a residency those that stay in the account.')
  tools: string[]?
  @description('Optional. Its own names for models: alias → place (a geography, a gateway region or *) → deployment.')
  aliases: object?
}

@export()
@description('Settings of the app by their names. The app has a default for each that is left out or empty.')
type appSettings = {
  POST_SCHEDULE: string?
  AUDIT_SCHEDULE: string?
  PUBLISH_SCHEDULE: string?
  FORECAST_SCHEDULE: string?
  COSTS_SCHEDULE: string?
  CLOSE_SCHEDULE: string?
  RECONCILE_SCHEDULE: string?
  SETTLE_SCHEDULE: string?
  DECIDE_SCHEDULE: string?
  TELL_SCHEDULE: string?
  OPERATE_SCHEDULE: string?
  LOG_ANALYTICS_ENDPOINT: string?
  ENTRA_AUTHORITY: string?
  EVENT_GRID_APP_ID: string?
}

@export()
@description('A subscription (team) of config/company/gateway.yaml.')
type subscriptionConfig = {
  @description('Required. Subscription id; its keys live in API Management only.')
  id: string
  @description('Required. Display name.')
  name: string
  @description('Required. Product id.')
  product: string
  @description('Conditional. True for exactly one subscription: it pays the calls of the smoke test.')
  smokeTest: bool?
}

@export()
@description('The API of config/company/gateway.yaml.')
type apiConfig = {
  @description('Required. API id.')
  id: string
  @description('Required. Display name.')
  name: string
  @description('Required. Path below the gateway.')
  path: string
  @description('Required. Header that the subscription key comes in.')
  subscriptionKeyHeader: string
  @description('Required. Query parameter that it may come in.')
  subscriptionKeyQuery: string
  @description('Required. Query parameters whose values the log masks.')
  maskedQuery: string[]
  @description('Required. False lets callers come with an Entra token instead of a key.')
  subscriptionRequired: bool
  @description('Required. Operations; the ones that match everything else come last.')
  operations: {
    @description('Required. Operation id.')
    id: string
    @description('Required. Display name.')
    name: string
    @description('Required. HTTP method.')
    method: ('GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS')
    @description('Required. Path below the API; * for every path that no other operation matches.')
    urlTemplate: string
  }[]
}

@export()
@description('How long accounts may take, of config/company/gateway.yaml.')
type resilienceConfig = {
  @minValue(1)
  @maxValue(240)
  @description('Required. Seconds within which a stream, or an answer with embeddings, must begin.')
  firstByteTimeout: int
  @minValue(1)
  @maxValue(240)
  @description('Required. Seconds within which any other answer must begin.')
  answerTimeout: int
}

@export()
@description('Every retention period, in days.')
type retentionSettings = {
  @minValue(30)
  @maxValue(730)
  @description('Required. Logs and traces in Log Analytics.')
  logs: int
  @description('Required. Gateway and token logs, archive included. The gateway log keeps usage events, which name persons; a person is erased from it only when this time is over. Settlement reads back as far as `logs`.')
  gatewayLogs: (30 | 60 | 90 | 120 | 180 | 270 | 365 | 550 | 730 | 1095 | 1460 | 1826 | 2191 | 2556 | 2922 | 3288 | 3653 | 4018 | 4383)
  @minValue(1)
  @description('Required. The ledger, from which all books can be rebuilt.')
  ledger: int
  @minValue(1)
  @description('Required. Quarantined and dead-lettered events.')
  rejectedEvents: int
  @minValue(1)
  @maxValue(365)
  @description('Required. Deleted blobs, containers and superseded versions (closed periods excepted).')
  softDelete: int
  @minValue(1)
  @description('Required. Exports of Cost Management, which the invoice is read from.')
  costExports: int
  @minValue(0)
  @maxValue(146000)
  @description('Required. Days for which no file of a closed period can be changed or deleted; 0 sets no policy, but removes none.')
  reportImmutability: int
  @minValue(0)
  @maxValue(146000)
  @description('Required. Days for which no event of the ledger can be changed or deleted, counted from its last block; 0 sets no policy, but removes none. At most as long as the ledger is kept.')
  ledgerImmutability: int
  @minValue(7)
  @maxValue(90)
  @description('Required. Days for which deleted Key Vault secrets can be recovered; it cannot be changed once the vaults exist.')
  secrets: int
  @description('Required. Point-in-time restore of Cosmos DB.')
  cosmosBackup: ('Continuous7Days' | 'Continuous30Days')
}

@export()
@description('What a profile decides.')
type profileSettings = {
  @description('Required. True: all gateway regions and accounts of the configuration; false: only the primary gateway region.')
  multiRegion: bool
  @description('Required. True: virtual networks, private endpoints, no public access.')
  privateNetwork: bool
  @description('Required. True: gateway, addresses and host storage are spread over availability zones; it cannot be changed in place.')
  zoneRedundant: bool
  @description('Required. Gateways of several regions: one service that spans them (Premium only), or one service in each region, whose keys a hook keeps the same.')
  gatewayTopology: ('spanning' | 'perRegion')
  @description('Required. API Management tier.')
  gatewaySku: ('BasicV2' | 'StandardV2' | 'Premium')
  @minValue(1)
  @maxValue(12)
  @description('Required. API Management units in each region: at most 10 of a v2 tier; an even number of Premium is spread over two zones.')
  gatewayUnits: int
  @minValue(1)
  @maxValue(12)
  @description('Required. Units that Premium may grow to in its first region under load; where it is not above gatewayUnits, nothing grows. Every provisioning begins again at gatewayUnits.')
  gatewayMaximumUnits: int
  @minValue(1)
  @maxValue(100)
  @description('Required. Share of the configured model capacity that is deployed.')
  modelCapacityPercent: int
  @description('Required. Replication of the ledger and the reports. Azure refuses to fail the account over where they are immutable, so a copy in another region is then of use only if it can be read (RA).')
  storageSku: ('Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_RAGRS' | 'Standard_GZRS' | 'Standard_RAGZRS')
  @minValue(0)
  @description('Required. Autoscale maximum of each Cosmos DB container in RU/s, in thousands; 0 for serverless.')
  cosmosMaxThroughput: int
  @description('Required. Regions of Cosmos DB that are spread over availability zones; a subscription may be refused them in a region under high demand.')
  cosmosZones: ('all' | 'first' | 'none')
  @description('Required. Azure Managed Redis size; up to 25 GB, because it is not clustered.')
  redisSku: ('Balanced_B0' | 'Balanced_B1' | 'Balanced_B3' | 'Balanced_B5' | 'Balanced_B10' | 'Balanced_B20')
  @description('Required. True: Redis has a replica; it cannot be removed again.')
  redisHighAvailability: bool
  @description('Required. Memory of a function instance.')
  functionMemoryMB: (512 | 2048 | 4096)
  @minValue(40)
  @maxValue(1000)
  @description('Required. Upper limit of function instances.')
  functionMaximumInstances: int
  @minValue(0)
  @maxValue(20)
  @description('Required. Instances of ingest and of HTTP that are always warm; 0 scales to zero.')
  functionAlwaysReady: int
  @description('Required. True: the functions are spread over availability zones, and two instances of every group of functions are always ready and paid for.')
  functionZoneRedundant: bool
  @minValue(0)
  @description('Required. Most logs that the workspace takes in a day, in GB; 0 for no limit. Above it, token counts of streams are lost too.')
  logsDailyGB: int
  @description('Required. True: every write to the storage of the books is logged, to see who wrote a closed file. Most of these rows are about the ledger.')
  logStorageWrites: bool
  @description('Required. True: Key Vault cannot be purged before its retention ends.')
  purgeProtection: bool
  @minValue(1)
  @description('Required. Monthly budget of the resources themselves, in the billing currency; warns only.')
  monthlyBudget: int
  @description('Required. Retention periods.')
  retention: retentionSettings
}

@export()
@description('Any part of a profile; a value that is given replaces the one of the profile.')
type profileOverrides = {
  multiRegion: bool?
  privateNetwork: bool?
  zoneRedundant: bool?
  gatewayTopology: ('spanning' | 'perRegion')?
  gatewaySku: ('BasicV2' | 'StandardV2' | 'Premium')?
  gatewayUnits: int?
  gatewayMaximumUnits: int?
  modelCapacityPercent: int?
  storageSku: ('Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_RAGRS' | 'Standard_GZRS' | 'Standard_RAGZRS')?
  cosmosMaxThroughput: int?
  cosmosZones: ('all' | 'first' | 'none')?
  redisSku: ('Balanced_B0' | 'Balanced_B1' | 'Balanced_B3' | 'Balanced_B5' | 'Balanced_B10' | 'Balanced_B20')?
  redisHighAvailability: bool?
  functionMemoryMB: (512 | 2048 | 4096)?
  functionMaximumInstances: int?
  functionAlwaysReady: int?
  functionZoneRedundant: bool?
  logsDailyGB: int?
  logStorageWrites: bool?
  purgeProtection: bool?
  monthlyBudget: int?
  retention: retentionOverrides?
}

@description('Any retention period that replaces the one of the profile.')
type retentionOverrides = {
  logs: int?
  gatewayLogs: (30 | 60 | 90 | 120 | 180 | 270 | 365 | 550 | 730 | 1095 | 1460 | 1826 | 2191 | 2556 | 2922 | 3288 | 3653 | 4018 | 4383)?
  ledger: int?
  rejectedEvents: int?
  softDelete: int?
  costExports: int?
  reportImmutability: int?
  ledgerImmutability: int?
  secrets: int?
  cosmosBackup: ('Continuous7Days' | 'Continuous30Days')?
}

@export()
@description('What metric alerts watch: names of resources, and what their limits follow from.')
type watchedResources = {
  storage: string
  hostStorage: string
  cosmos: string
  redis: string
  vault: string
  certificateVault: string
  topic: string
  alertTopic: string
  app: string
  @description('Required. Services of the gateway that are made here.')
  gateways: string[]
  @description('Required. Tier of the gateway.')
  gatewaySku: string
  @description('Required. Resource ids of the accounts of the models.')
  models: string[]
  @description('Required. Traffic Manager profile; empty for none.')
  traffic: string
  functionMemoryMB: int
  functionMaximumInstances: int
}
