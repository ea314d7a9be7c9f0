metadata name = 'Principals of existing services'
metadata description = 'The identities that API Management services which exist have of their own.'

import { placeOf } from '../existing.bicep'
import { serviceConfig } from '../types.bicep'

@description('Required. Services that exist.')
param services serviceConfig[]

resource known 'Microsoft.ApiManagement/service@2024-05-01' existing = [
  for service in services: {
    scope: resourceGroup(placeOf(service.resourceId).subscriptionId, placeOf(service.resourceId).group)
    name: service.name
  }
]

@description('Their principal ids.')
output principalIds string[] = [for i in range(0, length(services)): known[i].identity.principalId]
