"""validate_yaml.py SCHEMA CASE...: checks the schema itself, then prints a line a YAML file: "valid" or why not."""
import json
import sys

import jsonschema
import yaml

with open(sys.argv[1]) as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for path in sys.argv[2:]:
    with open(path) as file:
        error = jsonschema.exceptions.best_match(validator.iter_errors(yaml.safe_load(file)))
    print("valid" if error is None else f"{error.json_path}: {error.message}".replace("\n", " "))
