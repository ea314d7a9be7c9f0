metadata name = 'Roles'
metadata description = 'Who may do what: every role assignment of the system, beside each other.'

@description('Required. Principals by what they are; an empty one gets nothing.')
param principals { functions: string, topic: string, gateway: string, gatewayCertificate: string, deployer: string, finance: string }
@description('Required. Whether the deployer is a person or a pipeline.')
param deployerType ('User' | 'ServicePrincipal')
@description('Required. Names of the resources that roles are given on.')
param names {
  storage: string
  hostStorage: string
  cosmos: string
  redis: string
  vault: string
  topic: string
  insights: string
  workspace: string
  models: string[]
  *: string
}

var roles = loadJsonContent('../roles.json')
var principalTypes = {
  functions: 'ServicePrincipal'
  topic: 'ServicePrincipal'
  gateway: 'ServicePrincipal'
  gatewayCertificate: 'ServicePrincipal'
  deployer: deployerType
  finance: 'Group'
}

// on: a resource of `names`, or a container of the books as storage/<container>.
var assignments = filter(
  [
    { who: 'functions', role: 'Storage Blob Data Owner', on: 'hostStorage' } // the host takes leases and keeps its state
    { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/ledger' }
    { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/quarantine' }
    { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/reports' }
    { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/closed' }
    { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/dead-letter' } // replay takes them out
    { who: 'functions', role: 'Storage Blob Data Reader', on: 'storage/config' }
    { who: 'functions', role: 'Cosmos Data Contributor', on: 'cosmos' }
    { who: 'functions', role: 'Redis Data Owner', on: 'redis' }
    { who: 'functions', role: 'Key Vault Secrets User', on: 'vault' }
    { who: 'functions', role: 'Monitoring Metrics Publisher', on: 'insights' }
    { who: 'functions', role: 'Log Analytics Data Reader', on: 'workspace' } // token counts of streamed calls
    { who: 'topic', role: 'Storage Blob Data Contributor', on: 'storage/dead-letter' }
    { who: 'gateway', role: 'EventGrid Data Sender', on: 'topic' }
    { who: 'gateway', role: 'Cognitive Services OpenAI User', on: 'models' }
    { who: 'gatewayCertificate', role: 'Key Vault Secrets User', on: 'vault' } // certificate of the custom host name
    { who: 'deployer', role: 'Storage Blob Data Contributor', on: 'storage/config' } // uploads the configuration
    { who: 'deployer', role: 'Cosmos Data Reader', on: 'cosmos' } // the smoke test looks for its line
    { who: 'deployer', role: 'Key Vault Secrets Officer', on: 'vault' } // makes events-key
    { who: 'finance', role: 'Storage Blob Data Reader', on: 'storage/reports' }
    { who: 'finance', role: 'Storage Blob Data Reader', on: 'storage/closed' }
  ],
  a => !empty(principals[a.who])
)
var onContainers = filter(assignments, a => startsWith(a.on, 'storage/'))

resource books 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: names.storage
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: books
  name: 'default'
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [
  for a in onContainers: {
    parent: blobs
    name: split(a.on, '/')[1]
  }
]

resource containerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (a, i) in onContainers: {
    scope: containers[i]
    name: guid(containers[i].id, principals[a.who], a.role)
    properties: {
      principalId: principals[a.who]
      principalType: principalTypes[a.who]
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[a.role])
    }
  }
]

module resourceRoles 'resource-roles.bicep' = {
  params: {
    names: names
    assignments: map(
      filter(assignments, a => !startsWith(a.on, 'storage/') && a.on != 'cosmos' && a.on != 'redis'),
      a => { principalId: principals[a.who], principalType: principalTypes[a.who], role: a.role, roleId: roles[a.role], on: a.on }
    )
  }
}

module dataPlaneRoles 'data-plane-roles.bicep' = {
  params: {
    cosmosName: names.cosmos
    redisName: names.redis
    cosmos: map(filter(assignments, a => a.on == 'cosmos'), a => { principalId: principals[a.who], roleId: roles[a.role] })
    redis: map(filter(assignments, a => a.on == 'redis'), a => principals[a.who])
  }
}
