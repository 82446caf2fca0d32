"""Business rules: a reviewed YAML file in, what it changes of a ranking or a path out."""
