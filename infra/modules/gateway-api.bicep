metadata name = 'Gateway API'
metadata description = 'The Azure OpenAI API with its operations and policy, and logs of token counts without a word of content.'

import { operationConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. API and path name.')
param apiName string
@description('Required. Operations.')
param operations operationConfig[]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: apiName
  properties: {
    displayName: 'Azure OpenAI'
    path: 'openai'
    protocols: ['https']
    subscriptionRequired: false // a key or an Entra token: the policy refuses whoever has neither
    subscriptionKeyParameterNames: { header: 'api-key', query: 'subscription-key' }
  }
}

resource operation 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = [
  for item in operations: {
    parent: api
    name: item.id
    properties: {
      displayName: item.name
      method: item.method
      urlTemplate: item.path
      templateParameters: map(
        filter(split(item.path, '/'), part => startsWith(part, '{')),
        part => { name: replace(replace(part, '{', ''), '}', ''), type: 'string', required: true }
      )
    }
  }
]

resource policy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: api
  name: 'policy'
  properties: { format: 'rawxml', value: loadTextContent('../../apim-policies/api.xml') }
}

resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'azuremonitor'
  properties: { loggerType: 'azureMonitor', isBuffered: true }
}

// largeLanguageModel without requests and responses: counts only. Bodies of 0 bytes: reading one would hold a stream up.
resource diagnostics 'Microsoft.ApiManagement/service/apis/diagnostics@2025-03-01-preview' = {
  parent: api
  name: 'azuremonitor'
  properties: {
    loggerId: logger.id
    alwaysLog: 'allErrors'
    sampling: { samplingType: 'fixed', percentage: 100 }
    logClientIp: false
    verbosity: 'information'
    largeLanguageModel: { logs: 'enabled' }
    frontend: { request: { headers: [], body: { bytes: 0 } }, response: { headers: [], body: { bytes: 0 } } }
    backend: { request: { headers: [], body: { bytes: 0 } }, response: { headers: [], body: { bytes: 0 } } }
  }
}
