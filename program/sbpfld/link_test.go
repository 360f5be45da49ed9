package main

import (
	"os"
	"testing"
)

func FuzzLink(f *testing.F) {
	self, err := os.Executable()
	if err != nil {
		f.Fatal(err)
	}
	elf, err := os.ReadFile(self)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add(elf[:1024])
	f.Fuzz(func(t *testing.T, object []byte) {
		_, _ = Link(object) // an error, never a panic
	})
}

func TestLinkRefusesOtherMachines(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	elf, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Link(elf); err == nil {
		t.Error("a program of this machine was linked for the chain")
	}
	shared, err := os.ReadFile("../vault.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Link(shared); err == nil {
		t.Error("what is linked already was linked again")
	}
}
