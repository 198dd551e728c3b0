"""Number plates in pictures: their boxes, finding and reading them, their texts."""
