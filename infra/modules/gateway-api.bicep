metadata name = 'Gateway API'
metadata description = 'The Azure OpenAI API with its operations and policy, and logs of token counts without a word of content.'

import { apiConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. The API.')
param api apiConfig

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource published 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: api.id
  properties: {
    displayName: api.name
    path: api.path
    protocols: ['https']
    subscriptionRequired: api.subscriptionRequired
    subscriptionKeyParameterNames: { header: api.subscriptionKeyHeader, query: api.subscriptionKeyQuery }
  }
}

resource operation 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = [
  for item in api.operations: {
    parent: published
    name: item.id
    properties: {
      displayName: item.name
      method: item.method
      urlTemplate: item.urlTemplate
      templateParameters: map(
        filter(split(item.urlTemplate, '/'), part => startsWith(part, '{')),
        part => { name: replace(replace(part, '{', ''), '}', ''), type: 'string', required: true }
      )
    }
  }
]

resource policy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: published
  name: 'policy'
  properties: { format: 'xml', value: loadTextContent('../../apim-policies/api.xml') }
}

resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'azuremonitor'
  properties: { loggerType: 'azureMonitor', isBuffered: true }
}

// learn.microsoft.com/azure/templates/microsoft.apimanagement/service/diagnostics: the values of these are masked in Url.
var masking = { headers: [], queryParams: map(api.maskedQuery, parameter => { value: parameter, mode: 'Mask' }) }

resource everyApi 'Microsoft.ApiManagement/service/diagnostics@2024-05-01' = {
  parent: service
  name: 'azuremonitor'
  properties: {
    loggerId: logger.id
    alwaysLog: 'allErrors'
    sampling: { samplingType: 'fixed', percentage: 100 }
    logClientIp: true // who has no key makes no event: only the address says where such calls come from
    frontend: { request: { dataMasking: masking } }
    backend: { request: { dataMasking: masking } }
  }
}

// largeLanguageModel without requests and responses: counts only. Bodies of 0 bytes: reading one would delay a stream.
resource diagnostics 'Microsoft.ApiManagement/service/apis/diagnostics@2025-03-01-preview' = {
  parent: published
  name: 'azuremonitor'
  properties: {
    loggerId: logger.id
    alwaysLog: 'allErrors'
    sampling: { samplingType: 'fixed', percentage: 100 }
    logClientIp: true
    verbosity: 'information'
    largeLanguageModel: { logs: 'enabled' }
    frontend: { request: { headers: [], body: { bytes: 0 }, dataMasking: masking }, response: { headers: [], body: { bytes: 0 } } }
    backend: { request: { headers: [], body: { bytes: 0 }, dataMasking: masking }, response: { headers: [], body: { bytes: 0 } } }
  }
  dependsOn: [everyApi]
}
