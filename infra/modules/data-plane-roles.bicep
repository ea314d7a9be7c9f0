metadata name = 'Data-plane roles'
metadata description = 'Data roles of Cosmos DB and Redis, which are not Azure roles. Only roles.bicep calls this module.'

@description('Required. Cosmos DB account.')
param cosmosName string
@description('Required. Redis cluster.')
param redisName string
@description('Required. Cosmos DB roles.')
param cosmos { principal: int, key: string, role: string, roleId: string, on: string, *: string }[]
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

// The app once had the contributor's role on the whole account. Its assignment there keeps its name, so that the role
// that it has instead takes its place, and does not stand beside it.
var former = { 'Chargeback Document Creator': '00000000-0000-0000-0000-000000000002' }

// One after the other: the account locks itself for each.
@batchSize(1)
resource cosmosRoles 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = [
  for a in cosmos: {
    parent: account
    name: a.on == 'cosmos' ? guid(account.id, a.key, former[?a.role] ?? a.roleId) : guid(account.id, a.key, a.roleId, a.on)
    properties: {
      principalId: principalIds[a.principal]
      scope: a.on == 'cosmos' ? account.id : '${account.id}/dbs/chargeback/colls/${split(a.on, '/')[1]}'
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
