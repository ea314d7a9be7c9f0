"""The routes that answer what things cost, each with what the files of the periods say."""
