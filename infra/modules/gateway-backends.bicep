metadata name = 'Gateway backends'
metadata description = 'A backend for each account. The policy names each one that it asks; none has a circuit breaker, because a refusal is about one deployment or one call, and a breaker would close the account to all others.'

import { accountConfig, sharingConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. Accounts that are deployed.')
param accounts accountConfig[]
@description('Required. Base address of each account, in the order of `accounts`.')
param endpoints string[]
@description('Optional. What distinguishes a service that others use; empty for our own.')
param sharing sharingConfig = { prefix: '', mark: '' }

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource backend 'Microsoft.ApiManagement/service/backends@2024-05-01' = [
  for (item, i) in accounts: {
    parent: service
    name: '${sharing.prefix}${item.account}'
    properties: {
      type: 'Single'
      protocol: 'http'
      url: '${endpoints[i]}/openai'
      description: trim('Azure OpenAI in ${item.region} ${sharing.mark}')
      tls: { validateCertificateChain: true, validateCertificateName: true }
    }
  }
]
