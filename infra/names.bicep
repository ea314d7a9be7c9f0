metadata name = 'Names'
metadata description = 'What every resource is called: an abbreviation of its type, and a token that makes it unique in Azure.'

@export()
@description('Names of all resources.')
type resourceNamesType = {
  group: string
  workspace: string
  insights: string
  actionGroup: string
  alertsToTeams: string
  storage: string
  hostStorage: string
  cosmos: string
  redis: string
  topic: string
  alertTopic: string
  vault: string
  certificateVault: string
  app: string
  plan: string
  functionsIdentity: string
  askingIdentity: string
  gateway: string
  traffic: string
  network: string
  budget: string
}

@export()
@description('The names of an environment.')
func resourceNames(prefixes object, environmentName string, token string) resourceNamesType => {
  group: '${prefixes.resourceGroup}${environmentName}'
  workspace: '${prefixes.logAnalytics}${token}'
  insights: '${prefixes.applicationInsights}${token}'
  actionGroup: '${prefixes.actionGroup}${token}'
  alertsToTeams: '${prefixes.logicApp}${token}'
  storage: '${prefixes.storageAccount}books${token}'
  hostStorage: '${prefixes.storageAccount}host${token}'
  cosmos: '${prefixes.cosmos}${token}'
  redis: '${prefixes.redis}${token}'
  topic: '${prefixes.eventGridTopic}${token}'
  alertTopic: '${prefixes.eventGridTopic}alerts-${token}'
  vault: '${prefixes.keyVault}${token}'
  certificateVault: '${prefixes.keyVault}tls-${token}'
  app: '${prefixes.functionApp}${token}'
  plan: '${prefixes.functionPlan}${token}'
  functionsIdentity: '${prefixes.identity}functions-${token}'
  askingIdentity: '${prefixes.identity}asking-${token}'
  gateway: '${prefixes.apiManagement}${token}'
  traffic: '${prefixes.trafficManager}${token}'
  network: '${prefixes.virtualNetwork}${token}'
  budget: 'chargeback-${token}'
}
