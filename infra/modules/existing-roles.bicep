metadata name = 'Roles on an existing resource'
metadata description = 'Our role assignments on a resource that a company has already, each with our mark, so that they can be told from those of others and removed. Only roles.bicep calls this module.'

@description('Required. What the resource is.')
param on ('workspace' | 'vault' | 'models')
@description('Required. Id of the resource.')
param resourceId string
@description('Required. Who gets which role on it.')
param assignments { principal: int, key: string, type: string, role: string, roleId: string, *: string }[]
@description('Required. Principal ids; an assignment names one by its index.')
param principalIds string[]
@description('Required. Assignments that somebody else has made already, as role|key|id: Azure refuses a second one.')
param held string[]
@description('Required. The mark of ours.')
param mark string

var builtIn = loadJsonContent('../roles.json')
var wanted = map(
  filter(assignments, a => !contains(map(held, each => toLower(each)), toLower('${a.role}|${a.key}|${resourceId}'))),
  // A role of our own is defined in the group of the resource, because it can be given only there.
  a => union(a, { roleId: contains(builtIn, a.role) ? a.roleId : guid(toLower(resourceGroup().id), a.role, mark) })
)
var name = last(split(resourceId, '/'))

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = if (on == 'workspace') {
  name: name
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = if (on == 'vault') {
  name: name
}

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' existing = if (on == 'models') {
  name: name
}

resource workspaceRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for a in (on == 'workspace' ? wanted : []): {
    scope: workspace
    name: guid(resourceId, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
      description: mark
    }
  }
]

resource vaultRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for a in (on == 'vault' ? wanted : []): {
    scope: vault
    name: guid(resourceId, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
      description: mark
    }
  }
]

resource accountRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for a in (on == 'models' ? wanted : []): {
    scope: account
    name: guid(resourceId, a.key, a.role)
    properties: {
      principalId: principalIds[a.principal]
      principalType: a.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', a.roleId)
      description: mark
    }
  }
]
