metadata name = 'Shared gateway service'
metadata description = 'What is ours in an API Management service that others use, each thing with the prefix or the mark. No setting of the service, no policy of others, no identity.'

import { elsewhereConfig } from '../existing.bicep'
import { reachesConfig, servesConfig } from '../served.bicep'
import { serviceConfig } from '../types.bicep'

@description('Required. The service.')
param service serviceConfig
@description('Required. Where the resources of this deployment are, and their names.')
param home { subscriptionId: string, group: string, names: object }
@description('Required. What it serves.')
param serves servesConfig
@description('Required. What it reaches.')
param reaches reachesConfig
@description('Required. True: the logs are sent to the workspace, which is ours. One that exists gets them already.')
param logged bool
@description('Required. Workspace.')
param workspaceResourceId string
@description('Required. Resources that roles are given on and that exist in other groups.')
param elsewhere elsewhereConfig

var meteringOnly = serves.config.?metering != null
var sharing = { prefix: 'chargeback-', mark: elsewhere.mark }

resource known 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: service.name
}

module roles 'roles.bicep' = {
  scope: resourceGroup(home.subscriptionId, home.group)
  params: {
    // It reads no certificate of ours; and where it only meters, a team's own policies call the models.
    principals: [{ who: 'gateway', key: service.resourceId, type: 'ServicePrincipal', only: meteringOnly ? ['topic'] : ['topic', 'models'] }]
    principalIds: [known.identity.principalId]
    names: any(home.names)
    elsewhere: elsewhere
  }
}

module configuration 'gateway-configuration.bicep' = if (!meteringOnly) {
  params: { serviceName: service.name, serves: serves, reaches: reaches, tier: service.tier, sharing: sharing }
}

module metering 'gateway-metering.bicep' = if (meteringOnly) {
  params: { serviceName: service.name, serves: serves, reaches: reaches, tier: service.tier, sharing: sharing }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (logged) {
  scope: known
  name: 'chargeback-to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in ['GatewayLogs', 'GatewayLlmLogs']: { category: category, enabled: true }]
  }
}
