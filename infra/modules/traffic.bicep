metadata name = 'Traffic Manager'
metadata description = 'Sends each caller to the nearest gateway region that answers its health probe.'

@description('Required. Tags of every resource.')
param tags object
@description('Required. Profile name, and first label of its host name.')
param name string
@description('Required. Gateway regions and their host names.')
param endpoints { location: string, host: string }[]
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

resource profile 'Microsoft.Network/trafficManagerProfiles@2026-09-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    profileStatus: 'Enabled'
    trafficRoutingMethod: 'Performance'
    dnsConfig: { relativeName: name, ttl: 30 }
    monitorConfig: {
      protocol: 'HTTPS'
      port: 443
      path: '/status-0123456789abcdef' // answered by API Management itself, without a policy or a key
      intervalInSeconds: 10
      timeoutInSeconds: 5
      toleratedNumberOfFailures: 2
    }
    endpoints: [
      for item in endpoints: {
        name: item.location
        type: 'Microsoft.Network/trafficManagerProfiles/externalEndpoints'
        properties: { target: item.host, endpointLocation: item.location, endpointStatus: 'Enabled' }
      }
    ]
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: profile
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logs: [{ category: 'ProbeHealthStatusEvents', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id.')
output resourceId string = profile.id
@description('Host name that the custom host name of the gateway points to by CNAME.')
output hostName string = profile.properties.dnsConfig.fqdn
