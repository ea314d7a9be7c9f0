metadata name = 'Data-plane roles'
metadata description = 'Data roles of Cosmos DB and Redis, which are not Azure roles. Only roles.bicep calls this module.'

@description('Required. Cosmos DB account.')
param cosmosName string
@description('Required. Redis cluster.')
param redisName string
@description('Required. Cosmos DB roles.')
param cosmos { principal: int, key: string, roleId: string, *: string }[]
@description('Required. Who may use Redis.')
param redis { principal: int, key: string, *: string }[]
@description('Required. Principal ids; an assignment names one by its index.')
param principalIds string[]

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

// One after the other: the account locks itself for each.
@batchSize(1)
resource cosmosRoles 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = [
  for a in cosmos: {
    parent: account
    name: guid(account.id, a.key, a.roleId)
    properties: {
      principalId: principalIds[a.principal]
      scope: account.id
      roleDefinitionId: '${account.id}/sqlRoleDefinitions/${a.roleId}'
    }
  }
]

@batchSize(1)
resource redisPolicies 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = [
  for a in redis: {
    parent: database
    name: 'p${uniqueString(a.key)}'
    properties: { accessPolicyName: 'default', user: { objectId: principalIds[a.principal] } }
  }
]
