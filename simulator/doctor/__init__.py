"""What people hold of a machine's backups: folders, documents, images. All of it is only read.

`reading` makes values of it, `health` judges them, `diagnosis` puts both together; `text`,
`document` and `scenario` tell it.
"""
