package s3

// SDKSigns makes the SDK sign all requests of s, as it does those to a directory bucket.
func SDKSigns(s *Store) *Store {
	p := *s.places.here()
	p.special = true
	s.places.at.Store(&p)
	return s
}
