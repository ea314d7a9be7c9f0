metadata name = 'Gateway named values'
metadata description = 'Named values, which the policies read as {{name}}. None is a secret, because the gateway signs in with its identity.'

@description('Required. API Management service.')
param serviceName string
@description('Required. Values by name.')
param values object
@description('Required. Where usage events are published to; known only when the topic exists.')
param usageTopicEndpoint string

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource namedValues 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = [
  for item in items(values): {
    parent: service
    name: item.key
    properties: { displayName: item.key, value: item.value, secret: false }
  }
]

resource topicEndpoint 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = {
  parent: service
  name: 'usage-topic-endpoint'
  properties: { displayName: 'usage-topic-endpoint', value: usageTopicEndpoint, secret: false }
}
