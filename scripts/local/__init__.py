"""The whole product on one machine without an Azure account: emulators, stand-ins and what starts them."""
