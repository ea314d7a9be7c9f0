metadata name = 'Roles'
metadata description = 'Who may do what: all role assignments of the system in one list.'

import { elsewhereConfig } from '../existing.bicep'

@description('Required. Who gets roles: what is known of each at the start, such as the id of its resource, its type, and the only resources on which it gets them, where it does not get all.')
param principals { who: string, key: string, type: ('ServicePrincipal' | 'User' | 'Group'), only: string[]? }[]
@description('Required. Principal ids in the order of `principals`; some are known only when they exist.')
param principalIds string[]
@description('Required. Names of the resources that roles are given on.')
param names { storage: string, hostStorage: string, cosmos: string, redis: string, vault: string, certificateVault: string, topic: string, alertTopic: string, insights: string, workspace: string, models: string[], *: string }
@description('Required. Resources that roles are given on and that exist in other groups.')
param elsewhere elsewhereConfig

// Built-in roles by their ids, and our own by the names that custom-roles.bicep and cosmos.bicep make of theirs.
var roles = union(
  loadJsonContent('../roles.json'),
  toObject(
    concat(items(loadYamlContent('../custom-roles.yaml')), items(loadYamlContent('../cosmos-roles.yaml'))),
    role => role.key,
    role => guid(resourceGroup().id, role.key)
  )
)
// on: a resource of `names`, or a container of the books as storage/<container> or cosmos/<container>.
var grants = [
  { who: 'functions', role: 'Storage Blob Data Owner', on: 'hostStorage' } // the host takes leases and keeps its state
  { who: 'functions', role: 'Chargeback Ledger Writer', on: 'storage/ledger' } // can neither change nor delete what happened
  { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/marks' }
  { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/quarantine' }
  { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/reports' }
  { who: 'functions', role: 'Chargeback Closed Period Writer', on: 'storage/closed' }
  { who: 'functions', role: 'Chargeback Settled Day Writer', on: 'storage/settled' }
  { who: 'functions', role: 'Storage Blob Data Contributor', on: 'storage/dead-letter' } // replay takes them out
  { who: 'functions', role: 'Storage Blob Data Reader', on: 'storage/cost-exports' } // the invoice, written by Cost Management
  { who: 'functions', role: 'Chargeback Document Creator', on: 'cosmos' } // all that it may in the audit log
  { who: 'functions', role: 'Cosmos Data Contributor', on: 'cosmos/usage' }
  { who: 'functions', role: 'Cosmos Data Contributor', on: 'cosmos/control' }
  { who: 'functions', role: 'Cosmos Data Contributor', on: 'cosmos/objects' }
  { who: 'functions', role: 'Cosmos Data Contributor', on: 'cosmos/alerts' }
  { who: 'functions', role: 'Redis Data Owner', on: 'redis' }
  { who: 'functions', role: 'Key Vault Secrets User', on: 'vault' }
  { who: 'functions', role: 'Monitoring Metrics Publisher', on: 'insights' }
  { who: 'functions', role: 'Log Analytics Data Reader', on: 'workspace' } // token counts of streamed calls
  { who: 'functions', role: 'EventGrid Data Sender', on: 'alertTopic' } // say that alerts are due
  { who: 'topic', role: 'Storage Blob Data Contributor', on: 'storage/dead-letter' }
  { who: 'alertTopic', role: 'Storage Blob Data Contributor', on: 'storage/alert-dead-letter' }
  { who: 'gateway', role: 'EventGrid Data Sender', on: 'topic' }
  { who: 'gateway', role: 'Cognitive Services OpenAI User', on: 'models' }
  { who: 'gateway', role: 'Chargeback Gateway Jobs', on: 'models' } // files, batches and fine-tuning, which that role lacks
  { who: 'gateway', role: 'Key Vault Secrets User', on: 'certificateVault' } // certificate of the custom host name
  { who: 'deployer', role: 'Cosmos Data Reader', on: 'cosmos' } // the smoke test looks for its line
  { who: 'deployer', role: 'Key Vault Secrets Officer', on: 'vault' } // makes events-key and page-session-key
  { who: 'deployer', role: 'Key Vault Certificates Officer', on: 'certificateVault' } // imports that certificate
  { who: 'finance', role: 'Storage Blob Data Reader', on: 'storage/reports' }
  { who: 'finance', role: 'Storage Blob Data Reader', on: 'storage/closed' }
  { who: 'finance', role: 'Storage Blob Data Reader', on: 'storage/settled' }
]
// A name is made from what is known at the start, so that a preview shows every assignment; the principal comes later.
var assignments = flatten(map(range(0, length(principals)), i => map(
  filter(grants, grant => grant.who == principals[i].who && contains(principals[i].?only ?? [grant.on], grant.on)),
  grant => union(grant, { principal: i, key: principals[i].key, type: principals[i].type, roleId: roles[grant.role] })
)))
var foreign = concat(empty(elsewhere.workspace) ? [] : ['workspace'], empty(elsewhere.vault) ? [] : ['vault'])
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
    name: guid(containers[i].id, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
    }
  }
]

module resourceRoles 'resource-roles.bicep' = {
  params: {
    names: names
    assignments: filter(assignments, a => !contains(a.on, '/') && !contains(concat(['cosmos', 'redis'], foreign), a.on))
    principalIds: principalIds
  }
}

module dataPlaneRoles 'data-plane-roles.bicep' = {
  params: {
    cosmosName: names.cosmos
    redisName: names.redis
    cosmos: filter(assignments, a => split(a.on, '/')[0] == 'cosmos')
    redis: filter(assignments, a => a.on == 'redis')
    principalIds: principalIds
  }
}

module elsewhereRoles 'elsewhere-roles.bicep' = {
  params: { elsewhere: elsewhere, assignments: assignments, principalIds: principalIds }
}
