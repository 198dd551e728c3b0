"""Number plates in pictures: their boxes, finding them and reading them."""
