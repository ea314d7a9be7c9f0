metadata name = 'Mail of alerts'
metadata description = 'Communication Services with a domain of Azure\'s, which sends the mail of channels in alerts.yaml. It is deployed by itself into the resource group, because few need it: docs/alerts.md.'

@description('Required. Name of the identity of the functions, which may send.')
param functionsIdentity string
@description('Optional. Where mail is kept at rest.')
param dataLocation ('Africa' | 'Asia Pacific' | 'Australia' | 'Europe' | 'France' | 'Germany' | 'India' | 'Japan' | 'Switzerland' | 'UK' | 'United States') = 'Europe'
@description('Optional. Tags of every resource.')
param tags object = {}
@description('Optional. Name of the resources.')
param name string = 'acs-${uniqueString(resourceGroup().id)}'

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles: Communication and Email Service Owner.
var sender = '09976791-48a7-449e-bb21-39d1a415f350'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: functionsIdentity
}

resource mail 'Microsoft.Communication/emailServices@2025-09-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation }
}

resource domain 'Microsoft.Communication/emailServices/domains@2025-09-01' = {
  parent: mail
  name: 'AzureManagedDomain'
  location: 'global'
  tags: tags
  properties: { domainManagement: 'AzureManaged', userEngagementTracking: 'Disabled' }
}

resource service 'Microsoft.Communication/communicationServices@2025-09-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation, linkedDomains: [domain.id] }
}

resource maySend 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: service
  name: guid(service.id, identity.id, sender)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', sender)
  }
}

@description('The value of MAIL_ENDPOINT.')
output MAIL_ENDPOINT string = 'https://${service.properties.hostName}'
@description('The value of MAIL_SENDER.')
output MAIL_SENDER string = 'DoNotReply@${domain.properties.mailFromSenderDomain}'
