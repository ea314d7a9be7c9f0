metadata name = 'Principals'
metadata description = 'Who gets roles: what is known of each before it exists, so that a preview shows every assignment.'

import { resourceNamesType } from 'names.bicep'
import { idIn } from 'private-targets.bicep'

@export()
@description('Who gets a role: its name in roles.bicep, what is known of it at the start, and its type.')
type rolePrincipal = { who: string, key: string, type: ('ServicePrincipal' | 'User' | 'Group') }

@export()
@description('The identities of the system and of those who work with it; finance only where it has a group.')
func principalsOf(names resourceNamesType, deployer { key: string, type: ('ServicePrincipal' | 'User') }, financeGroupId string) rolePrincipal[] => concat(
  [
    { who: 'functions', key: idIn(names.group, 'Microsoft.ManagedIdentity/userAssignedIdentities', names.functionsIdentity), type: 'ServicePrincipal' }
    { who: 'topic', key: idIn(names.group, 'Microsoft.EventGrid/topics', names.topic), type: 'ServicePrincipal' }
    { who: 'alertTopic', key: idIn(names.group, 'Microsoft.EventGrid/topics', names.alertTopic), type: 'ServicePrincipal' }
    { who: 'deployer', key: deployer.key, type: deployer.type }
  ],
  empty(financeGroupId) ? [] : [{ who: 'finance', key: financeGroupId, type: 'Group' }]
)
