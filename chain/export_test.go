package chain

// SetWayPage lets a long way be written down after fewer transactions than in earnest.
func (w *Watcher) SetWayPage(n int) { w.wayPage = n }
