"""Number plates in pictures: where they are (`boxes`, `detection`), what they say."""
