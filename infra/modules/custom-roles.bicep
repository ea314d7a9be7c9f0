metadata name = 'Custom roles'
metadata description = 'The role definitions of custom-roles.yaml, which can be given only within this resource group.'

@description('Optional. The only ones that are made, in a group of others; all if empty.')
param only string[] = []
@description('Optional. The mark of ours in a group of others.')
param mark string = ''

var definitions = loadYamlContent('../custom-roles.yaml')

resource roles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in filter(items(definitions), each => empty(only) || contains(only, each.key)): {
    name: empty(mark) ? guid(resourceGroup().id, role.key) : guid(toLower(resourceGroup().id), role.key, mark)
    properties: {
      roleName: '${role.key} (${resourceGroup().name}, ${uniqueString(resourceGroup().id)}${mark})' // a name is used once in a tenant
      description: role.value.description
      type: 'CustomRole'
      permissions: [{ actions: [], notActions: [], dataActions: role.value.dataActions, notDataActions: role.value.notDataActions }]
      assignableScopes: [resourceGroup().id]
    }
  }
]
