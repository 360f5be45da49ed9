package localnet

// Subscriptions is how many subscriptions the server has, of all its connections.
func (s *Server) Subscriptions() int {
	s.subs.mu.Lock()
	defer s.subs.mu.Unlock()
	return len(s.subs.subs)
}
