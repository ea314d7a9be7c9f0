metadata name = 'Gateway tables'
metadata description = 'What the policies read as one short text each, and the pools, derived from config/*.yaml. scripts/named_values.py derives the same for the local gateway; tests hold the two together.'

import { accountConfig, gatewayConfig, geographyConfig, poolConfig, poolMember, productConfig } from 'types.bicep'

@export()
@description('`id=residency|exactStreams|injectStreamUsage|requestsPerMinute|tokensPerMinute` of each product.')
func productsTable(products productConfig[]) string =>
  join(map(products, p => '${p.id}=${p.?residency ?? '-'}|${p.exactStreams ? 1 : 0}|${p.injectStreamUsage ? 1 : 0}|${p.requestsPerMinute}|${p.tokensPerMinute}'), ';')

@export()
@description('`region=geography`, gateway regions first: the first entry of a region decides.')
func regionsTable(gateways gatewayConfig[], accounts accountConfig[]) string =>
  join(union(map(gateways, g => '${g.region}=${g.geography}'), map(accounts, a => '${a.region}=${a.geography}')), ';')

@export()
@description('`country=geography`, or - for none.')
func countriesTable(geographies geographyConfig[]) string =>
  orNone(join(flatten(map(geographies, g => map(g.?countries ?? [], c => '${c}=${g.id}'))), ';'))

@export()
@description('`geography=own accounts|accounts to fail over to`, in the order of priority.')
func accountsTable(geographies geographyConfig[], accounts accountConfig[]) string =>
  join(map(geographies, g => '${g.id}=${ownNames(g.id, accounts)}|${orNone(orderedNames(g.failover, accounts))}'), ';')

@export()
@description('`pool=deployment` wherever a pool exists for one deployment alone, or - for none.')
func deploymentPoolsTable(pools poolConfig[]) string =>
  orNone(join(map(filter(pools, p => p.deployment != ''), p => '${p.base}=${p.deployment}'), ';'))

@export()
@description('Every pool: of each geography, of each with the geographies it fails over to, and of each deployment that some account of these lacks.')
func allPools(geographies geographyConfig[], accounts accountConfig[], deploymentSets object) poolConfig[] =>
  concat(wholePools(geographies, accounts), flatten(map(wholePools(geographies, accounts), p => partialPools(p, everyDeployment(accounts, deploymentSets), deploymentSets))))

func wholePools(geographies geographyConfig[], accounts accountConfig[]) poolConfig[] =>
  flatten(map(geographies, g => [
    { name: 'pool-${g.id}', base: 'pool-${g.id}', deployment: '', members: poolMembers([g.id], accounts) }
    { name: 'pool-${g.id}-failover', base: 'pool-${g.id}-failover', deployment: '', members: poolMembers(concat([g.id], g.failover), accounts) }
  ]))

func partialPools(pool poolConfig, deployments string[], deploymentSets object) poolConfig[] =>
  filter(
    map(deployments, d => {
      name: '${pool.name}-${d}'
      base: pool.name
      deployment: d
      members: filter(pool.members, m => contains(deploymentNames(deploymentSets, m.deployments), d))
    }),
    p => !empty(p.members) && length(p.members) < length(pool.members)
  )

@description('Members in order; a geography that is failed over to comes after all priorities of those before it.')
func poolMembers(tiers string[], accounts accountConfig[]) poolMember[] =>
  flatten(map(range(0, length(tiers)), i => map(inGeography(tiers[i], accounts), a => {
    account: a.account
    deployments: a.deployments
    priority: a.priority + lowestPriority(take(tiers, i), accounts)
    weight: a.weight
  })))

@description('The sum of the lowest priorities of geographies.')
func lowestPriority(geographies string[], accounts accountConfig[]) int =>
  reduce(map(geographies, g => max(concat([0], map(inGeography(g, accounts), a => a.priority)))), 0, (sum, next) => sum + next)

func inGeography(geography string, accounts accountConfig[]) accountConfig[] =>
  sort(filter(accounts, a => a.geography == geography), (a, b) => a.priority < b.priority)

func ownNames(geography string, accounts accountConfig[]) string => orderedNames([geography], accounts)

func orderedNames(geographies string[], accounts accountConfig[]) string =>
  join(flatten(map(geographies, g => map(inGeography(g, accounts), a => a.account))), ',')

func everyDeployment(accounts accountConfig[], deploymentSets object) string[] =>
  sort(union(flatten(map(accounts, a => deploymentNames(deploymentSets, a.deployments))), []), (a, b) => a < b)

func deploymentNames(deploymentSets object, name string) string[] => map(deploymentSets[name], d => d.name)

func orNone(text string) string => empty(text) ? '-' : text
