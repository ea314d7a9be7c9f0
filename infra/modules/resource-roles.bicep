metadata name = 'Resource roles'
metadata description = 'Azure roles on whole resources, one loop for each kind of scope; only roles.bicep calls this module.'

@description('Required. Names of the resources that roles are given on.')
param names { hostStorage: string, vault: string, certificateVault: string, topic: string, alertTopic: string, insights: string, workspace: string, models: string[], *: string }
@description('Required. Who gets which role on which of `names`.')
param assignments { principal: int, key: string, type: string, role: string, roleId: string, on: string, *: string }[]
@description('Required. Principal ids; an assignment names one by its index.')
param principalIds string[]

var onVaults = map(
  filter(assignments, a => a.on == 'vault' || a.on == 'certificateVault'),
  a => union(a, { vault: names[a.on] })
)
var onTopics = map(
  filter(assignments, a => a.on == 'topic' || a.on == 'alertTopic'),
  a => union(a, { topic: names[a.on] })
)
var onModels = flatten(map(
  names.models,
  model => map(filter(assignments, a => a.on == 'models'), a => union(a, { model: model }))
))

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: names.hostStorage
}

resource vaults 'Microsoft.KeyVault/vaults@2025-05-01' existing = [for a in onVaults: { name: a.vault }]

resource topics 'Microsoft.EventGrid/topics@2025-02-15' existing = [for a in onTopics: { name: a.topic }]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: names.insights
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: names.workspace
}

resource models 'Microsoft.CognitiveServices/accounts@2025-06-01' existing = [
  for a in onModels: {
    name: a.model
  }
]

resource hostStorageRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for a in filter(assignments, a => a.on == 'hostStorage'): {
    scope: hostStorage
    name: guid(hostStorage.id, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
    }
  }
]

resource vaultRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (a, i) in onVaults: {
    scope: vaults[i]
    name: guid(vaults[i].id, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
    }
  }
]

resource topicRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (a, i) in onTopics: {
    scope: topics[i]
    name: guid(topics[i].id, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
    }
  }
]

resource insightsRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for a in filter(assignments, a => a.on == 'insights'): {
    scope: insights
    name: guid(insights.id, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
    }
  }
]

resource workspaceRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for a in filter(assignments, a => a.on == 'workspace'): {
    scope: workspace
    name: guid(workspace.id, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
    }
  }
]

resource modelRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (a, i) in onModels: {
    scope: models[i]
    name: guid(models[i].id, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
    }
  }
]
