metadata name = 'Data-plane roles'
metadata description = 'Cosmos DB and Redis keep their data roles apart from Azure\'s; only roles.bicep calls this.'

@description('Required. Cosmos DB account.')
param cosmosName string
@description('Required. Redis cluster.')
param redisName string
@description('Required. Cosmos DB roles.')
param cosmos { principalId: string, roleId: string }[]
@description('Required. Principals that may use Redis.')
param redis string[]

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' existing = {
  name: cosmosName
}

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' existing = {
  name: redisName
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' existing = {
  parent: cluster
  name: 'default'
}

resource cosmosRoles 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = [
  for a in cosmos: {
    parent: account
    name: guid(account.id, a.principalId, a.roleId)
    properties: {
      principalId: a.principalId
      scope: account.id
      roleDefinitionId: '${account.id}/sqlRoleDefinitions/${a.roleId}'
    }
  }
]

resource redisPolicies 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = [
  for principalId in redis: {
    parent: database
    name: 'p${uniqueString(principalId)}'
    properties: { accessPolicyName: 'default', user: { objectId: principalId } }
  }
]
