metadata name = 'Identity of the functions'
metadata description = 'The user-assigned identity under which the functions reach every store.'

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
@description('Client id, for AZURE_CLIENT_ID.')
output clientId string = identity.properties.clientId
@description('Principal id, for role assignments.')
output principalId string = identity.properties.principalId
