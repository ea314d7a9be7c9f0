metadata name = 'Gateway backends'
metadata description = 'A backend with a circuit breaker for each account, and the pools.'

import { accountConfig, breakerConfig, poolConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. Accounts that are deployed.')
param accounts accountConfig[]
@description('Required. Base address of each account, in the order of `accounts`.')
param endpoints string[]
@description('Required. When a backend is left alone, and for how long.')
param circuitBreaker breakerConfig
@description('Required. Pools.')
param pools poolConfig[]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

// A pool asks another member only after a breaker has opened, so one refusal opens it: a repeat must go elsewhere.
resource backend 'Microsoft.ApiManagement/service/backends@2024-05-01' = [
  for (item, i) in accounts: {
    parent: service
    name: item.account
    properties: {
      type: 'Single'
      protocol: 'http'
      url: '${endpoints[i]}/openai'
      description: 'Azure OpenAI in ${item.region}'
      tls: { validateCertificateChain: true, validateCertificateName: true }
      circuitBreaker: {
        rules: [
          {
            name: 'refusals'
            acceptRetryAfter: circuitBreaker.acceptRetryAfter
            tripDuration: circuitBreaker.tripDuration
            failureCondition: {
              count: circuitBreaker.count
              interval: circuitBreaker.interval
              statusCodeRanges: circuitBreaker.statusCodeRanges
              errorReasons: circuitBreaker.errorReasons
            }
          }
        ]
      }
    }
  }
]

resource pool 'Microsoft.ApiManagement/service/backends@2024-05-01' = [
  for item in pools: {
    parent: service
    name: item.name
    properties: {
      type: 'Pool'
      description: empty(item.deployment) ? 'All deployments' : 'Accounts that have ${item.deployment}'
      pool: {
        services: map(item.members, m => { id: '/backends/${m.account}', priority: m.priority, weight: m.weight })
      }
    }
    dependsOn: [backend]
  }
]
