metadata name = 'Identity'
metadata description = 'A user-assigned identity, such as the one of the functions or the one with which the gateway asks them.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Name.')
param name string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id.')
output resourceId string = identity.id
@description('Client id, which its tokens carry.')
output clientId string = identity.properties.clientId
@description('Principal id, for role assignments.')
output principalId string = identity.properties.principalId
