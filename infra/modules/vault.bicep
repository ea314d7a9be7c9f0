metadata name = 'Secrets'
metadata description = 'A Key Vault under Azure RBAC: one holds the keys of the functions, another the certificate of the gateway\'s host name.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@minLength(3)
@maxLength(24)
@description('Required. Vault name.')
param name string
@description('Required. Days that a deleted secret can be recovered.')
param retentionDays int
@description('Required. True: the vault cannot be purged before that.')
param purgeProtection bool
@description('Required. True: public access is off, except for the addresses, subnets and services allowed.')
param private bool
@description('Required. Public addresses that may reach a private deployment.')
param allowedIpAddresses string[]
@description('Required. Subnets with a service endpoint that may reach a private deployment; API Management reads its certificate that way.')
param subnetResourceIds string[]
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: retentionDays
    enablePurgeProtection: purgeProtection ? true : null // the service knows no false
    publicNetworkAccess: private && empty(concat(allowedIpAddresses, subnetResourceIds)) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in (private ? allowedIpAddresses : []): { value: address }]
      virtualNetworkRules: [for id in subnetResourceIds: { id: id }]
    }
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the vault.')
output resourceId string = vault.id
@description('Name of the vault.')
output name string = vault.name
@description('Address of the vault.')
output uri string = vault.properties.vaultUri
