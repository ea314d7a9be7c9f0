metadata name = 'Gateway named values'
metadata description = 'Named values, which the policies read as {{name}}. None is a secret, because the gateway signs in with its identity.'

import { sharingConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. Values by name.')
param values object
@description('Required. Where usage events are published to; known only when the topic exists.')
param usageTopicEndpoint string
@description('Optional. What distinguishes a service that others use; empty for our own.')
param sharing sharingConfig = { prefix: '', mark: '' }

var marks = empty(sharing.mark) ? {} : { tags: [sharing.mark] }

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource namedValues 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = [
  for item in items(values): {
    parent: service
    name: '${sharing.prefix}${item.key}'
    properties: union({ displayName: '${sharing.prefix}${item.key}', value: item.value, secret: false }, marks)
  }
]

resource topicEndpoint 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = {
  parent: service
  name: '${sharing.prefix}usage-topic-endpoint'
  properties: union({ displayName: '${sharing.prefix}usage-topic-endpoint', value: usageTopicEndpoint, secret: false }, marks)
}
