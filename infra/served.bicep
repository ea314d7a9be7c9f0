metadata name = 'Served'
metadata description = 'Which geographies a deployment serves, and at which hosts its gateways are called.'

import { accountConfig, gatewayConfig, geographyConfig, productConfig, serviceConfig, subscriptionConfig } from 'types.bicep'

@export()
@description('The part of the configuration that is deployed.')
type servedConfig = {
  gateways: gatewayConfig[]
  accounts: accountConfig[]
  geographies: geographyConfig[]
  products: productConfig[]
  subscriptions: subscriptionConfig[]
}

@export()
@description('What a service serves: config/company/gateway.yaml, the part of the configuration that is deployed, the base address of each account, and who may call from where.')
type servesConfig = {
  config: object
  part: servedConfig
  deploymentSets: object
  endpoints: string[]
  callers: object
}

@export()
@description('What a service reaches: the topic of usage events, and the functions: audience of the tokens of both, the identity with which the gateway asks, that of the functions, and where they say who owns an object and what budgets decide.')
type reachesConfig = {
  topicEndpoint: string
  functions: { audience: string, askingClientId: string, clientId: string, owners: string, decisions: string }
}

@export()
@description('The named values that this deployment sets itself.')
func ownValues(callers object, functions { audience: string, askingClientId: string, clientId: string, owners: string, decisions: string }, tier string) object => union(callers, {
  'owners-endpoint': functions.owners
  'owners-audience': functions.audience
  'owners-client-id': functions.askingClientId
  'decisions-endpoint': functions.decisions
  'functions-client-id': functions.clientId
  'gateway-tier': tier
  'max-request-bytes': bufferedBytes(tier)
})

@export()
@description('The geographies that have a region with accounts; each fails over only to another of them.')
func servedGeographies(geographies object[], regions string[]) object[] =>
  map(
    filter(geographies, g => contains(servedIds(geographies, regions), g.id)),
    g => union(g, { failover: filter(g.failover, id => contains(servedIds(geographies, regions), id)) })
  )

func servedIds(geographies object[], regions string[]) string[] =>
  map(filter(geographies, g => !empty(intersection(g.regions, regions))), g => g.id)

@export()
@description('The host of the gateway in each region. Each region of a service that spans several has a host of its own.')
func gatewayHosts(services serviceConfig[], regions string[]) { location: string, host: string }[] =>
  map(range(0, length(regions)), i => { location: regions[i], host: hostOf(filter(services, s => contains(s.places, i))[0], regions[i]) })

func hostOf(service serviceConfig, region string) string =>
  length(service.places) == 1 ? '${service.name}.azure-api.net' : '${service.name}-${region}-01.regional.azure-api.net'

// https://learn.microsoft.com/azure/api-management/service-limits
@export()
@description('The largest body, in bytes, that may have to be read before it is sent on: as large as a v2 tier can buffer. The classic ones take 500 MiB, but a unit has little memory.')
func bufferedBytes(tier string) string => endsWith(tier, 'V2') ? '2097152' : '104857600'

@export()
@description('Hosts of the services that are made, which must answer from outside; a custom host name is that of the first.')
func probedHosts(services serviceConfig[], regions string[], name string, customHost string) { name: string, host: string }[] =>
  map(filter(services, s => empty(s.resourceId)), s => {
    name: s.name == name ? 'gateway' : 'gateway-${regions[s.places[0]]}'
    host: s.name != name || empty(customHost) ? '${s.name}.azure-api.net' : customHost
  })

@export()
@description('Where each region of the gateway is told what budgets decide. The path is nobody\'s choice, so in a service that others use it has the prefix.')
func decisionEndpoints(services serviceConfig[], regions string[]) object =>
  toObject(gatewayHosts(services, regions), each => each.location, each =>
    'https://${each.host}/${isShared(services, indexOf(regions, each.location)) ? 'chargeback-' : ''}budgets/decisions')

func isShared(services serviceConfig[], place int) bool => !empty(filter(services, s => contains(s.places, place))[0].resourceId)

@export()
@description('The part of the configuration that a profile deploys: one region has only the accounts of that region, and no product whose residency is elsewhere.')
func servedBy(accounts accountConfig[], gateway object, multiRegion bool) servedConfig =>
  servedIn(
    multiRegion ? union([primaryOf(gateway)], gateway.gateways) : [primaryOf(gateway)],
    filter(accounts, a => multiRegion || a.region == primaryOf(gateway).region),
    gateway
  )

func primaryOf(gateway object) object => filter(gateway.gateways, g => g.?primary ?? false)[0]

func servedIn(gateways array, accounts accountConfig[], gateway object) servedConfig => any({
  gateways: gateways
  accounts: accounts
  geographies: servedGeographies(gateway.geographies, map(accounts, a => a.region))
  products: servedProducts(gateway.products, gateway.geographies, map(accounts, a => a.region))
  subscriptions: filter(gateway.subscriptions, s => contains(
    map(servedProducts(gateway.products, gateway.geographies, map(accounts, a => a.region)), p => p.id),
    s.product
  ))
})

func servedProducts(products array, geographies object[], regions string[]) array =>
  filter(products, p => p.residency == null || contains(servedIds(geographies, regions), p.residency))
