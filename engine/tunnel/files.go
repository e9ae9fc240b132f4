package tunnel

// The kinds of volume behind a Mount that differ in what becomes of them.
const (
	// VolumeUpdated: the kubelet keeps it up to date (ConfigMap, Secret, projected, downwardAPI).
	VolumeUpdated = "updated"
	// VolumeScratch: it begins empty with each pod (emptyDir, ephemeral).
	VolumeScratch = "scratch"
	// VolumeOther: anything else, such as a PersistentVolumeClaim.
	VolumeOther = "other"
)

// Mount is a volume mount of the app's container.
type Mount struct {
	// Path is where the container has it.
	Path     string `json:"path"`
	Volume   string `json:"volume"`
	ReadOnly bool   `json:"readOnly,omitempty"`
	// File: it is a single file (subPath).
	File bool `json:"file,omitempty"`
	// Name is the volume's: what several mounts of one volume show is the same. SubPath
	// is the folder in it that this one shows; SubPathExpr is the same with $(NAME) for
	// the container's variables, which the twin puts in.
	Name        string `json:"name,omitempty"`
	SubPath     string `json:"subPath,omitempty"`
	SubPathExpr string `json:"subPathExpr,omitempty"`
	// Mode, UID and GID are the mounted folder's or file's own, as in a tar.
	Mode int64 `json:"mode,omitempty"`
	UID  int   `json:"uid,omitempty"`
	GID  int   `json:"gid,omitempty"`
}

// MaxMount bounds the content of one mount that is carried, in bytes. A ConfigMap or
// a Secret holds 1 MiB at most; what is larger is refused, never carried in part.
const MaxMount = 8 << 20

// MountContent is one line of JSON on a KindFile stream: a mount's content, at first
// and after each change.
type MountContent struct {
	// Version differs when the content does.
	Version string `json:"version"`
	// Archive is a tar (POSIX.1-2001) of what is below the mount, or of the one entry
	// MountFile when it is a file.
	Archive []byte `json:"archive,omitempty"`
}

// PAXUnreadable is the PAX record of an entry that the app's own user can't read: it
// comes without content.
const PAXUnreadable = "KUBETUNNEL.unreadable"

// MountFile is the name of a single file in its archive.
const MountFile = "file"
