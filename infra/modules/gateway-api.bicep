metadata name = 'Gateway API'
metadata description = 'The Azure OpenAI API with its operations and policy, and logs of token counts without a word of content.'

import { apiConfig, sharingConfig } from '../types.bicep'
import { publishedText } from '../shared-service.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. The API.')
param api apiConfig
@description('Optional. What distinguishes a service that others use; empty for our own.')
param sharing sharingConfig = { prefix: '', mark: '' }

var policyText = loadTextContent('../../apim-policies/api.xml')
var rules = loadYamlContent('../../apim-policies/shared-service.yaml').changes
var marks = empty(sharing.mark) ? {} : { description: sharing.mark }

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource published 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: '${sharing.prefix}${api.id}'
  properties: union(
    {
      displayName: api.name
      path: api.path
      protocols: ['https']
      subscriptionRequired: api.subscriptionRequired
      subscriptionKeyParameterNames: { header: api.subscriptionKeyHeader, query: api.subscriptionKeyQuery }
    },
    marks
  )
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
  properties: { format: 'xml', value: publishedText(policyText, sharing.prefix, rules) }
}

// A service has one of this name; the log of an API is known to work with no other.
resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = if (empty(sharing.prefix)) {
  parent: service
  name: 'azuremonitor'
  properties: { loggerType: 'azureMonitor', isBuffered: true }
}

// learn.microsoft.com/azure/templates/microsoft.apimanagement/service/diagnostics: the values of these are masked in Url.
var masking = { headers: [], queryParams: map(api.maskedQuery, parameter => { value: parameter, mode: 'Mask' }) }

// A setting of the whole service: one that others use keeps its own.
resource everyApi 'Microsoft.ApiManagement/service/diagnostics@2024-05-01' = if (empty(sharing.prefix)) {
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
