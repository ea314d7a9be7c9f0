metadata name = 'Custom roles'
metadata description = 'The role definitions of custom-roles.yaml, which can be given only within this resource group.'

var definitions = loadYamlContent('../custom-roles.yaml')

resource roles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in items(definitions): {
    name: guid(resourceGroup().id, role.key)
    properties: {
      roleName: '${role.key} (${resourceGroup().name}, ${uniqueString(resourceGroup().id)})' // a name is used once in a tenant
      description: role.value.description
      type: 'CustomRole'
      permissions: [{ actions: [], notActions: [], dataActions: role.value.dataActions, notDataActions: role.value.notDataActions }]
      assignableScopes: [resourceGroup().id]
    }
  }
]
