metadata name = 'Served'
metadata description = 'Which geographies a deployment serves, and at which hosts its gateways are called.'

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
func gatewayHosts(gateway string, services object[], regions string[]) { location: string, host: string }[] =>
  length(services) == length(regions)
    ? map(services, s => { location: regions[s.places[0]], host: '${s.name}.azure-api.net' })
    : map(regions, region => { location: region, host: '${gateway}-${region}-01.regional.azure-api.net' })
