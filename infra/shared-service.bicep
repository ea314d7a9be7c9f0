metadata name = 'Shared service'
metadata description = 'How policies change when they are published into a service that others use; stack/gateway/shared_service.py does the same for the local gateway.'

@export()
@description('A policy document or fragment as it is published, by apim-policies/shared-service.yaml. The rules are an argument, because a function sees no variables.')
func publishedText(text string, prefix string, changes { find: string, put: string }[]) string =>
  empty(prefix) ? text : reduce(changes, text, (changed, change) => replace(string(changed), change.find, change.put))
