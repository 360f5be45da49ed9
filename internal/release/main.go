// Command release turns built binaries into what is handed out: an OCI image, archives with checksums, a bill of materials, and
// the licences of what is linked in. `make image` and `make release` call it; it runs no compiler and reaches no network.
//
// The same binaries and the same date give the same bytes: nothing here reads the clock, an environment variable or a user's name.
// Images are put together by go-containerregistry, without a daemon; only the bytes of a layer are written here.
package main

import (
	"time"

	"github.com/alecthomas/kong"
)

// The command line.
type cli struct {
	Image    imageCmd    `cmd:"" help:"An OCI image index of binaries for Linux, as a layout directory and one archive for docker load each."`
	Unpack   unpackCmd   `cmd:"" help:"The files of an image into a directory, and its configuration beside it."`
	Archives archivesCmd `cmd:"" help:"An archive of each binary, a bill of materials, and SHA256SUMS."`
	Licences licencesCmd `cmd:"" help:"Write docs/licences.md: what the binary is linked from, and under which licences."`
}

// A build is what everything that is handed out says of itself.
type build struct {
	Version  string `required:"" help:"Version."`
	Revision string `help:"Commit that it was built from."`
	Epoch    int64  `help:"Date of every file and of the image, in unix seconds (SOURCE_DATE_EPOCH)."`
}

func (b build) date() time.Time { return time.Unix(b.Epoch, 0).UTC() }

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("release"), kong.Description("Images, archives, bills of materials, licences."), kong.UsageOnError())
	k.FatalIfErrorf(k.Run())
}
